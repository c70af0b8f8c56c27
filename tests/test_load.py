"""`predictor.load`: what is in the file is what predicts."""

from pathlib import Path

import pytest
import torch

import predictor
from predictor.errors import SettingsError, UnknownModel
from predictor.frame_predictor import FramePredictor
from predictor.networks import NETWORKS
from predictor.weights import Provenance, load_network, save_network

PROVENANCE = Provenance(
    data="none",
    licence="MIT",
    commercial_use=True,
    command="none",
    commit="none",
    iterations=0,
    training_time_s=0,
    hardware="none",
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    config_type, module = NETWORKS["multiscale"]
    config = config_type(context=2, maps=((4,), (6,)), kernels=((3, 3), (3, 3)))
    path = tmp_path / "small.safetensors"
    save_network(path, "multiscale", module(config), PROVENANCE)
    return path


def test_loaded_network_predicts_what_the_saved_one_does(file: Path) -> None:
    clip = torch.rand(1, 3, 3, 33, 35, generator=torch.Generator().manual_seed(1)) * 2 - 1
    predicted = predictor.load(file, device="cpu", precision="fp32").predict(clip, count=2)
    assert predicted.shape == (1, 2, 3, 33, 35)
    expected = FramePredictor(load_network(file)[0]).predict(clip, 2)
    assert torch.equal(predicted, expected)


@pytest.mark.parametrize(("precision", "is_used"), [("fp32", False), ("bf16", True)])
def test_precision_reaches_the_predictor(file: Path, precision: str, is_used: bool) -> None:
    assert predictor.load(file, device="cpu", precision=precision).use_bfloat16 is is_used


def test_unknown_model_and_settings_are_named(file: Path) -> None:
    with pytest.raises(UnknownModel, match="no model 'frams'"):
        predictor.load("frams")
    with pytest.raises(SettingsError, match="device"):
        predictor.load(file, device="tpu9")
    with pytest.raises(SettingsError, match="precision='fp8'"):
        predictor.load(file, precision="fp8")
