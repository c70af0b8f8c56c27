"""The hardware of a run and how it is used, resolved from the settings and the machine."""

import contextlib
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal

import torch

from predictor import __version__
from predictor.devices import (
    chosen_device,
    computing,
    is_out_of_memory,
    usable_cores,
    uses_bfloat16,
    using_threads,
)
from predictor.errors import OutOfDeviceMemory, SettingsError
from predictor.systems.settings import RunSettings

_BATCH_OF_ONE = "Expected more than 1 value per channel when training"
"""What PyTorch says of it."""


@dataclass(frozen=True)
class Hardware:
    """The device of this process and how it is used."""

    device: torch.device
    precision: Literal["fp32", "bf16"]
    channels_last: bool
    compile: bool
    replay: bool
    workers: int
    threads: int

    @property
    def is_cuda(self) -> bool:
        """Whether the device is a CUDA GPU, which computes asynchronously."""
        return self.device.type == "cuda"

    def autocast(self) -> torch.autocast:
        """Return the context in which losses are computed, bfloat16 if that is the precision."""
        return computing(self.device, self.precision == "bf16")

    def facts(self) -> dict[str, str | int | bool]:
        """Return what a result depends on bit for bit, beside the settings."""
        name = torch.cuda.get_device_name(self.device) if self.is_cuda else _cpu_name()
        chosen = asdict(self)
        return {
            "predictor": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
            "device": f"{self.device.type} ({name})",
            **{key: chosen[key] for key in ("threads", "precision", "channels_last", "compile")},
        }


def hardware_for(settings: RunSettings) -> Hardware:
    """Return the hardware that `settings` ask for on this machine.

    Under ``torchrun`` ``"auto"`` and ``"cuda"`` are the GPU of this process. Raises
    `SettingsError` for a device that is not there.
    """
    device = chosen_device(settings.device)
    precision: Literal["fp32", "bf16"] = (
        "bf16" if uses_bfloat16(settings.precision, device) else "fp32"
    )
    workers = settings.workers
    if workers is None:
        workers = min(8, max(1, usable_cores() - 1)) if device.type == "cuda" else 1
    return Hardware(
        device=device,
        precision=precision,
        channels_last=settings.channels_last,
        compile=settings.compile,
        replay=settings.replay and device.type == "cuda" and not settings.compile,
        workers=workers,
        threads=settings.threads or torch.get_num_threads(),
    )


@contextlib.contextmanager
def in_use(hardware: Hardware) -> Iterator[None]:
    """Apply the process-wide options of `hardware` inside the block and restore them after it."""
    benchmark = torch.backends.cudnn.benchmark
    if hardware.is_cuda:
        torch.cuda.set_device(hardware.device)
        torch.backends.cudnn.benchmark = True
    try:
        with using_threads(hardware.threads):
            yield
    finally:
        torch.backends.cudnn.benchmark = benchmark


@contextlib.contextmanager
def errors_with_remedies(settings: RunSettings, hardware: Hardware) -> Iterator[None]:
    """Turn errors of the machine inside the block into ones that say what to do.

    A failed allocation becomes `OutOfDeviceMemory`; a compiler that is missing or fails, and a
    batch of one example where batch normalization needs several, become `SettingsError`.
    """
    try:
        yield
    except ValueError as error:
        if _BATCH_OF_ONE not in str(error):
            raise
        raise SettingsError(
            f"batch_size={settings.batch_size}: batch normalization compares the examples of a "
            "batch, expected 2 or more for each process"
        ) from error
    except RuntimeError as error:
        if is_out_of_memory(error):
            remedy = f"lower batch_size, now {settings.batch_size}"
            if hardware.is_cuda and hardware.precision == "fp32":
                remedy += ", or set precision=bf16"
            raise OutOfDeviceMemory(f"{hardware.device} has not enough memory: {remedy}") from error
        if hardware.compile and _is_of_compiler(error):
            reason = str(error).strip().splitlines()[0]
            raise SettingsError(
                f"compile=true: {reason}; install a C++ compiler (g++), or set compile=false"
            ) from error
        raise


def _is_of_compiler(error: RuntimeError) -> bool:
    # slow to import, and already loaded when compiling
    from torch._dynamo.exc import TorchDynamoException

    return isinstance(error, TorchDynamoException)


def peak_memory_mib(hardware: Hardware) -> float:
    """Return the peak memory so far: that allocated on the GPU, or on a CPU that of the process."""
    if hardware.is_cuda:
        return torch.cuda.max_memory_allocated(hardware.device) / 2**20
    import resource

    # ru_maxrss is in bytes on macOS, in KiB elsewhere
    unit = 1 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def _cpu_name() -> str:
    return str(torch.cpu.get_capabilities().get("cpu_name") or platform.machine())
