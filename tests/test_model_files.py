"""Files of models: bundled ones by name, others by path, and the parts of a model."""

from pathlib import Path

import pytest

from predictor import model_files
from predictor.errors import UnknownModel
from predictor.model_files import bundled_models, companion_file, find_companion, find_model


@pytest.fixture
def bundle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    package = tmp_path / "site" / "predictor"
    package.mkdir(parents=True)
    monkeypatch.setattr(model_files.resources, "files", lambda name: package)
    return package


def place(root: Path, *names: str) -> None:
    for name in names:
        file = root / name / f"{name}.safetensors"
        file.parent.mkdir(parents=True)
        file.write_bytes(b"weights")


def test_models_of_a_checkout_and_of_a_wheel_are_found(bundle: Path) -> None:
    place(bundle.parent / "models", "frames", "frames-paper")
    assert list(bundled_models()) == ["frames", "frames-paper"]
    assert find_model("frames") == bundle.parent / "models" / "frames" / "frames.safetensors"
    place(bundle / "_models", "frames")
    assert find_model("frames") == bundle / "_models" / "frames" / "frames.safetensors"


def test_bundled_name_wins_over_a_folder_of_the_same_name(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place(bundle / "_models", "frames")
    (tmp_path / "frames").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_model("frames").parent.parent == bundle / "_models"


def test_exported_file_and_its_folder_are_models(bundle: Path, tmp_path: Path) -> None:
    place(tmp_path, "mine")
    file = tmp_path / "mine" / "mine.safetensors"
    assert find_model(file) == find_model(str(file.parent)) == file


def test_unknown_model_lists_the_bundled_and_the_nearest(bundle: Path) -> None:
    place(bundle / "_models", "frames", "inpaint")
    with pytest.raises(UnknownModel, match=r"'frame'.*frames, inpaint; did you mean 'frames'\?"):
        find_model("frame")


def test_parts_lie_beside_the_file_that_people_run(tmp_path: Path) -> None:
    place(tmp_path, "mine")
    file = tmp_path / "mine" / "mine.safetensors"
    with pytest.raises(UnknownModel, match=r"without its judge: there is no mine\.judge\.safet"):
        find_companion(file, "judge")
    companion_file(file, "judge").write_bytes(b"weights")
    assert find_companion(file, "judge") == file.with_name("mine.judge.safetensors")
    assert find_model(file.parent) == file


def test_a_run_is_no_model_and_the_error_says_how_to_make_one(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(UnknownModel, match=r"is the folder of a training run: predictor export"):
        find_model(tmp_path)
    checkpoint = tmp_path / "checkpoints" / "best.safetensors"
    checkpoint.parent.mkdir()
    checkpoint.write_bytes(b"state")
    with pytest.raises(UnknownModel, match=r"is a checkpoint of a training run: predictor export"):
        find_model(checkpoint)
