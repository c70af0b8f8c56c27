"""What a run computes on, resolved from its settings."""

import os
from typing import Any

import pytest
import torch
from torch._dynamo.exc import TorchDynamoException

from predictor.devices import require_thread_count
from predictor.errors import OutOfDeviceMemory, SettingsError
from predictor.systems.settings import RunSettings
from predictor.training.hardware import errors_with_remedies, hardware_for, in_use


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that there are two GPUs, the kind before bfloat16, beside 16 cores."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(16)), raising=False)


@pytest.mark.parametrize(
    ("capabilities", "precision"),
    [
        ({"avx512_f": True}, "fp32"),
        ({"avx512_bf16": True}, "bf16"),
        ({"avx512_bf16": False, "amx_bf16": True}, "bf16"),
    ],
)
def test_bfloat16_only_where_the_processor_has_it(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], precision: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert hardware_for(RunSettings(device="cpu")).precision == precision
    assert hardware_for(RunSettings(device="cpu", precision="fp32")).precision == "fp32"
    assert hardware_for(RunSettings(device="cpu", precision="bf16")).precision == "bf16"


@pytest.mark.usefixtures("gpus")
def test_gpu_is_taken_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    automatic = hardware_for(RunSettings())
    assert automatic.device == torch.device("cuda", 0)
    assert automatic.precision == "fp32"
    assert automatic.workers == 8
    monkeypatch.setenv("LOCAL_RANK", "1")  # as torchrun sets it
    assert hardware_for(RunSettings(device="cuda")).device == torch.device("cuda", 1)
    assert hardware_for(RunSettings(device="cuda:0")).device == torch.device("cuda", 0)
    assert hardware_for(RunSettings(device="cpu")).workers == 1
    assert hardware_for(RunSettings(workers=3)).workers == 3


@pytest.mark.usefixtures("gpus")
def test_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(SettingsError, match="device=cuda:2: there are 2 GPUs"):
        hardware_for(RunSettings(device="cuda:2"))


def test_device_that_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="device=gpu is not a device"):
        hardware_for(RunSettings(device="gpu"))
    with pytest.raises(SettingsError, match="device=meta is not supported, expected auto, cpu"):
        hardware_for(RunSettings(device="meta"))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(SettingsError, match=r"device=mps: .* sees no Apple GPU"):
        hardware_for(RunSettings(device="mps"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingsError, match=r"device=cuda: .* sees no GPU"):
        hardware_for(RunSettings(device="cuda"))
    assert hardware_for(RunSettings()).device == torch.device("cpu")


def test_threads_are_those_of_the_run_while_it_runs() -> None:
    before = torch.get_num_threads()
    with in_use(hardware_for(RunSettings(device="cpu", threads=before + 1))):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), OutOfDeviceMemory),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 8 bytes"), OutOfDeviceMemory),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), RuntimeError),
    ],
)
@pytest.mark.usefixtures("gpus")
def test_only_full_memory_gets_the_remedy(error: Exception, expected: Any) -> None:
    settings = RunSettings(batch_size=24)
    with pytest.raises(expected) as caught, errors_with_remedies(settings, hardware_for(settings)):
        raise error
    if expected is OutOfDeviceMemory:
        remedy = "cuda:0 has not enough memory: lower batch_size, now 24, or set precision=bf16"
        assert str(caught.value) == remedy


@pytest.mark.parametrize("is_compiling", [True, False])
def test_a_compiler_that_fails_gets_the_remedy(is_compiling: bool) -> None:
    failure = TorchDynamoException("No working C++ compiler found\nSet TORCHDYNAMO_VERBOSE=1")
    settings = RunSettings(compile=is_compiling, device="cpu")
    expected = SettingsError if is_compiling else TorchDynamoException
    with pytest.raises(expected) as caught, errors_with_remedies(settings, hardware_for(settings)):
        raise failure
    if is_compiling:
        assert str(caught.value) == (
            "compile=true: No working C++ compiler found; install a C++ compiler (g++), or set "
            "compile=false"
        )


def test_a_batch_of_one_is_no_batch_to_normalize() -> None:
    settings = RunSettings(batch_size=1, device="cpu")
    with (
        pytest.raises(
            SettingsError, match=r"^batch_size=1: .* expected 2 or more for each process$"
        ),
        errors_with_remedies(settings, hardware_for(settings)),
    ):
        torch.nn.BatchNorm1d(3)(torch.zeros(1, 3))
    with (
        pytest.raises(ValueError, match=r"^another$"),
        errors_with_remedies(settings, hardware_for(settings)),
    ):
        raise ValueError("another")


def test_more_threads_than_can_be_started_are_refused() -> None:
    for count in (0, 1025):
        with pytest.raises(SettingsError, match=f"threads is {count}, expected 1 to 1024"):
            require_thread_count(count)
        with pytest.raises(ValueError, match="expected 1 to 1024"):
            RunSettings(threads=count)
    assert require_thread_count(1024) == 1024
