"""The loop on a GPU and with compiled networks, where a test may take its time."""

import functools
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from toy import ENTRY, SYSTEMS, settings

from predictor.media.images import write_png
from predictor.networks.noise import GaussianNoise
from predictor.systems import SYSTEMS as SHIPPED
from predictor.training.checkpoint import read_checkpoint
from predictor.training.hardware import hardware_for
from predictor.training.iteration import run_iteration
from predictor.training.loop import resume, train
from predictor.training.settings import validated_settings
from predictor.training.state import TrainingState
from predictor.training.stream import on_device


@pytest.mark.gpu
def test_gpu_run_resumes_on_the_same_data(tmp_path: Path) -> None:
    values = {"device": "cuda", "precision": "auto", "workers": 2, "has_noise": False}
    unbroken = train(tmp_path / "unbroken", "toy", ENTRY, settings(**values), tmp_path)
    train(tmp_path / "broken", "toy", ENTRY, settings(**values), tmp_path, until=5)
    one, other = (read_checkpoint(p) for p in (unbroken, resume(tmp_path / "broken", SYSTEMS)))
    assert one.record["drawn"] == other.record["drawn"]
    for name, tensor in one.tensors.items():
        torch.testing.assert_close(other.tensors[name], tensor, rtol=1e-3, atol=1e-5)


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["dcgan", "gan", "improved-gan"])
def test_gpu_computes_what_the_processor_does(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without noise, and with latents drawn on the processor."""
    entry = SHIPPED[name]

    def drawn(distribution: Any, shape: tuple[int, ...], device: torch.device) -> Tensor:
        return torch.rand(shape, generator=torch.Generator().manual_seed(3)).to(device)

    monkeypatch.setattr("predictor.systems.pair.drawn_latents", drawn)
    random = torch.Generator().manual_seed(0)
    told = {"device": "cpu", "precision": "fp32", "batch_size": 8}
    settings = validated_settings(entry.settings, told)
    shape = settings.images.shape
    batch = {
        "image": torch.rand(8, *shape, generator=random) * 2 - 1,
        "matched_image": torch.rand(8, *shape, generator=random) * 2 - 1,
        "labelled_image": torch.rand(8, *shape, generator=random) * 2 - 1,
        "label": torch.arange(8),
    }
    found = []
    for device in ("cpu", "cuda"):
        torch.manual_seed(0)
        system = entry.build(validated_settings(entry.settings, {**told, "device": device}))
        hardware = hardware_for(validated_settings(entry.settings, {**told, "device": device}))
        for layer in (m for network in system.networks.values() for m in network.modules()):
            if isinstance(layer, nn.Dropout):
                layer.p = 0.0
            if isinstance(layer, GaussianNoise):
                layer.deviation = 0.0
        state = TrainingState(system, hardware)
        draw = functools.partial(on_device, batch, hardware.device)
        for _ in range(3):
            measured = run_iteration(state, draw, 0, hardware)
        found.append({key: float(value) for key, value in measured.items()})
        found[-1] |= {key: float(t.double().norm()) for key, t in state.tensors().items()}
    assert found[0] == pytest.approx(found[1], rel=1e-2, abs=1e-4)


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
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
@pytest.mark.filterwarnings("default")  # PyTorch's compiler warns about its own work
def test_compiled_run_is_the_same_run(tmp_path: Path) -> None:
    values = {"has_noise": False, "iterations": 3}
    plain = train(tmp_path / "plain", "toy", ENTRY, settings(**values), tmp_path)
    compiled = train(tmp_path / "fast", "toy", ENTRY, settings(**values, compile=True), tmp_path)
    one, other = read_checkpoint(plain).tensors, read_checkpoint(compiled).tensors
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        torch.testing.assert_close(other[name], tensor, rtol=1e-4, atol=1e-6)
