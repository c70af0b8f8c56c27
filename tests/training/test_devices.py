"""The loop on a GPU and with compiled networks, where a test may take its time."""

from pathlib import Path
from typing import Any

import pytest
import torch
from toy import ENTRY, SYSTEMS, settings

from predictor.media.images import write_png
from predictor.systems import SYSTEMS as SHIPPED
from predictor.training.checkpoint import read_checkpoint
from predictor.training.loop import resume, train
from predictor.training.settings import validated_settings


@pytest.mark.gpu
def test_gpu_run_resumes_on_the_same_data(tmp_path: Path) -> None:
    values = {"device": "cuda", "precision": "auto", "workers": 2, "has_noise": False}
    unbroken = train(tmp_path / "unbroken", "toy", ENTRY, settings(**values), tmp_path)
    train(tmp_path / "broken", "toy", ENTRY, settings(**values), tmp_path, until=5)
    one, other = (read_checkpoint(p) for p in (unbroken, resume(tmp_path / "broken", SYSTEMS)))
    assert one.record["drawn"] == other.record["drawn"]
    for name, tensor in one.tensors.items():
        torch.testing.assert_close(other.tensors[name], tensor, rtol=1e-3, atol=1e-5)


FOUR = {"iterations": 4, "batch_size": 2, "validate_every": 2, "preview_every": 2, "workers": 1}


@pytest.mark.gpu
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("frames", {"clips": {"crop": [64, 64]}}),
        ("inpaint", {"photos": {"crop": [64, 64]}, "losses": {"adversarial": 0.1}}),
    ],
)
def test_gpu_run_goes_on_after_it_was_looked_at(
    name: str, values: dict[str, Any], tmp_path: Path
) -> None:
    random = torch.Generator().manual_seed(0)
    for folder in ("a", "b", "c", "d"):
        (tmp_path / "data" / folder).mkdir(parents=True)
        picture = torch.rand(3, 96, 96, generator=random) * 2 - 1
        for number in range(20):
            write_png(tmp_path / "data" / folder / f"{number}.png", picture.roll(number, dims=-1))
    told = validated_settings(SHIPPED[name].settings, {**FOUR, **values, "device": "cuda"})
    path = train(tmp_path / "run", name, SHIPPED[name], told, tmp_path / "data")
    assert read_checkpoint(path).record["iteration"] == 4


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
