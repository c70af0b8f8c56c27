"""A command never writes over what it reads, with --overwrite neither."""

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from predictor.cli import app
from predictor.cli.outputs import require_output
from predictor.errors import OutputIsInput
from predictor.model_files import find_model

run = CliRunner().invoke

MODEL = "mnist-classifier"


def refused(*arguments: object) -> str:
    """Return what the command says instead of writing."""
    found = run(app, [*map(str, arguments), "--overwrite"])
    assert isinstance(found.exception, OutputIsInput)
    return str(found.exception)


@pytest.fixture
def array(tmp_path: Path) -> Path:
    path, random = tmp_path / "digits.npz", np.random.default_rng(0)
    np.savez(path, images=random.integers(0, 256, (4, 28, 28), np.uint8), labels=np.arange(4))
    return path


@pytest.mark.parametrize("command", ["classify", "features", "encode", "evaluate"])
def test_data_are_not_written_over(command: str, array: Path) -> None:
    before = array.read_bytes()
    assert str(array) in refused(command, MODEL, array, "-o", array)
    link = array.with_name("link.csv")
    os.link(array, link)
    assert str(array) in refused(command, MODEL, array, "-o", link)
    assert array.read_bytes() == before


@pytest.mark.parametrize("command", ["classify", "features", "encode", "evaluate"])
def test_a_model_is_not_written_over(command: str, array: Path, tmp_path: Path) -> None:
    model = tmp_path / "mine" / "mine.safetensors"
    model.parent.mkdir()
    shutil.copy(find_model(MODEL), model)
    before = model.read_bytes()
    refused(command, model, array, "-o", model)
    refused(command, model.parent, array, "-o", model)
    assert model.read_bytes() == before


def test_what_is_put_beside_the_model_is_not_written_over(array: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    shutil.copy(find_model(MODEL), other)
    refused("classify", MODEL, array, "--with", other, "-o", other)
    refused("evaluate", MODEL, array, "--with", other, "-o", other)
    refused("evaluate", "conditional-gan-mnist", array, "--features", other, "-o", other)
    statistics = tmp_path / "statistics.npz"
    shutil.copy(array, statistics)
    refused("features", MODEL, array, "--statistics", statistics, "-o", statistics)


def test_pictures_in_a_folder_are_not_written_over_but_a_table_is(tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    picture, table = folder / "below" / "a.png", folder / "classes.csv"
    picture.parent.mkdir(parents=True)
    cv2.imwrite(str(picture), np.zeros((28, 28), np.uint8))
    refused("classify", MODEL, folder, "-o", picture)
    table.write_text("of yesterday")
    assert (
        run(app, ["classify", MODEL, str(folder), "-o", str(table), "--overwrite"]).exit_code == 0
    )
    assert table.read_text().startswith("file,class,probability\nbelow/a.png,")


@pytest.mark.parametrize("name", ["digits.npz", "TRAIN.MAT", "pictures.tar.gz"])
def test_data_in_a_folder_are_not_written_over(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"data")
    with pytest.raises(OutputIsInput):
        require_output(tmp_path / name, True, [tmp_path])


def test_features_beside_the_pictures_are_written_again(tmp_path: Path) -> None:
    (tmp_path / "class").mkdir()
    (tmp_path / "class" / "a.png").touch()
    (tmp_path / "features.npz").touch()
    require_output(tmp_path / "features.npz", True, [tmp_path])
