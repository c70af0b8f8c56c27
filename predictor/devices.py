"""The device and the precision to compute in, as named or as the machine has them."""

import contextlib
import itertools
import os
from collections.abc import Iterator

import torch
from torch import nn

from predictor.errors import SettingsError

_EXPECTED = "auto, cpu, cuda or mps"

MOST_THREADS = 1024
"""Of so many times more, OpenMP kills the process when it cannot start them."""


def chosen_device(name: str) -> torch.device:
    """Return the device `name`; ``"auto"`` is a CUDA GPU if there is one, else the CPU.

    ``"cuda"`` without an index is the GPU of this process under ``torchrun``, else the first.
    Raises `SettingsError` for a device that is missing or of an unsupported type.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError) as error:
        raise SettingsError(f"device={name} is not a device, expected {_EXPECTED}") from error
    if device.type not in ("cpu", "cuda", "mps"):
        raise SettingsError(f"device={name} is not supported, expected {_EXPECTED}")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise SettingsError(f"device={name}: PyTorch {torch.__version__} sees no Apple GPU here")
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise SettingsError(f"device={name}: PyTorch {torch.__version__} sees no GPU here")
        if device.index is None:
            device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        if device.index >= torch.cuda.device_count():
            raise SettingsError(f"device={device}: there are {torch.cuda.device_count()} GPUs")
    return device


def uses_bfloat16(precision: str, device: torch.device) -> bool:
    """Return whether to compute in bfloat16 on `device`, rather than in float32.

    `precision` is ``"bf16"``, ``"fp32"``, or ``"auto"``: bfloat16 where the device has native
    instructions for it. Raises `SettingsError` for other names.
    """
    if precision not in ("auto", "fp32", "bf16"):
        raise SettingsError(f"precision={precision!r}, expected auto, fp32 or bf16")
    return precision == "bf16" or (precision == "auto" and _multiplies_bfloat16(device))


def computing(device: torch.device, use_bfloat16: bool) -> torch.autocast:
    """Return the context in which a network computes on `device`, whatever surrounds it."""
    return torch.autocast(device.type, torch.bfloat16, enabled=use_bfloat16)


def moved(network: nn.Module, device: torch.device | str | None) -> torch.device:
    """Move `network` to `device` and return that; None leaves it where it is."""
    if device is not None:
        network.to(device)
        return torch.device(device)
    held = next(itertools.chain(network.parameters(), network.buffers()), None)
    return torch.device("cpu") if held is None else held.device


def usable_cores() -> int:
    """Return how many cores this process may use, which can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def require_thread_count(count: int) -> int:
    """Return `count` if so many threads can be started; raises `SettingsError` otherwise."""
    if not 1 <= count <= MOST_THREADS:
        raise SettingsError(f"threads is {count}, expected 1 to {MOST_THREADS}")
    return count


@contextlib.contextmanager
def using_threads(count: int | None) -> Iterator[None]:
    """Let PyTorch use `count` threads inside the block, and as many as before after it.

    None leaves it as it is. Raises `SettingsError` as `require_thread_count`.
    """
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(require_thread_count(count))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def is_out_of_memory(error: Exception) -> bool:
    """Return whether `error` is a failed allocation, for which torch has no type on a CPU."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _multiplies_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return False
