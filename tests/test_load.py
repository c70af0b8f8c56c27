"""`predictor.load`: the network in the file, for its task, device and precision."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from released import released

import predictor
from predictor.errors import SettingsError, UnknownModel
from predictor.frame_predictor import FramePredictor
from predictor.inpainter import Inpainter
from predictor.weights import load_network, save_network


@pytest.fixture
def file(small_model: Callable[..., Path], tmp_path: Path) -> Path:
    return small_model(tmp_path / "small.safetensors")


def test_the_network_in_the_file_predicts(file: Path) -> None:
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
    nowhere: Any = None
    with pytest.raises(SettingsError, match="device=None is not a device, expected auto"):
        predictor.load(file, device=nowhere)
    other: Any = "lapgan"
    with pytest.raises(SettingsError, match="task='lapgan', expected frames or inpaint"):
        predictor.load(file, task=other)
    with pytest.raises(SettingsError, match="precision='fp8'"):
        predictor.load(file, precision="fp8")


def test_the_folder_of_a_run_is_known_as_such(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(UnknownModel, match=rf"run: predictor export {tmp_path} -o MODEL"):
        predictor.load(tmp_path)


def test_a_model_does_what_its_network_is_for(file: Path) -> None:
    assert isinstance(predictor.load("inpaint", device="cpu", task="inpaint"), Inpainter)
    assert isinstance(predictor.load("inpaint", device="cpu"), Inpainter)
    assert isinstance(predictor.load(file, device="cpu", task="frames"), FramePredictor)
    wrong = "of the system inpaint, is a filler, expected a predictor of frames$"
    with pytest.raises(UnknownModel, match=wrong):
        predictor.load("inpaint", device="cpu", task="frames")


def test_the_name_of_the_system_does_not_matter(file: Path, tmp_path: Path) -> None:
    network, metadata = load_network(file)
    mine = tmp_path / "mine.safetensors"
    save_network(mine, "multiscale", network, metadata.provenance, task="my-system")
    assert isinstance(predictor.load(mine, device="cpu", task="frames"), FramePredictor)
    assert isinstance(predictor.load(mine, device="cpu"), FramePredictor)


def test_a_network_without_a_use_is_said(tmp_path: Path) -> None:
    judge = released(
        tmp_path / "judge.safetensors", "dcgan-discriminator", "my-system", maps=(4, 4)
    )
    with pytest.raises(UnknownModel, match="is a judge of pictures, which"):
        predictor.load(judge)


def test_loading_does_not_depend_on_defaults_of_pytorch(file: Path) -> None:
    clip = torch.rand(1, 3, 3, 33, 35, generator=torch.Generator().manual_seed(1)) * 2 - 1
    expected = predictor.load(file, device="cpu", precision="fp32").predict(clip)
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("meta"):
            loaded = predictor.load(file, device="cpu", precision="fp32")
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(loaded.predict(clip), expected)
