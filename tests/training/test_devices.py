"""The loop on a GPU and with compiled networks, where a test may take its time."""

from pathlib import Path

import pytest
import torch
from toy import ENTRY, SYSTEMS, settings

from predictor.training.checkpoint import read_checkpoint
from predictor.training.loop import resume, train


@pytest.mark.gpu
def test_gpu_run_resumes_on_the_same_data(tmp_path: Path) -> None:
    values = {"device": "cuda", "precision": "auto", "workers": 2, "has_noise": False}
    unbroken = train(tmp_path / "unbroken", "toy", ENTRY, settings(**values), tmp_path)
    train(tmp_path / "broken", "toy", ENTRY, settings(**values), tmp_path, until=5)
    one, other = (read_checkpoint(p) for p in (unbroken, resume(tmp_path / "broken", SYSTEMS)))
    assert one.record["drawn"] == other.record["drawn"]
    for name, tensor in one.tensors.items():
        torch.testing.assert_close(other.tensors[name], tensor, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # PyTorch's compiler warns about its own work
def test_compiled_run_is_the_same_run(tmp_path: Path) -> None:
    values = {"has_noise": False, "iterations": 3}
    plain = train(tmp_path / "plain", "toy", ENTRY, settings(**values), tmp_path)
    compiled = train(tmp_path / "fast", "toy", ENTRY, settings(**values, compile=True), tmp_path)
    one, other = read_checkpoint(plain).tensors, read_checkpoint(compiled).tensors
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        torch.testing.assert_close(other[name], tensor, rtol=1e-4, atol=1e-6)
