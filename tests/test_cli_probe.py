"""``predictor probe``: five methods in one table, on the same draws, and what is refused."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from released import NOWHERE
from typer.testing import CliRunner

from pipelines.cli import run as exit_code_of
from predictor.analysis import supervised
from predictor.cli import app
from predictor.errors import UnusableData
from predictor.networks.dcgan import DcganDiscriminator, DcganDiscriminatorConfig
from predictor.weights import save_network

run = CliRunner().invoke

FEW = ["--draws", "3", "--validation-draws", "2", "--supervised-draws", "2", "--trials", "1"]
METHODS = [
    "features + linear SVM",
    "random weights + linear SVM",
    "the same network, supervised",
    "HOG + linear SVM",
    "pixels + nearest neighbours",
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(0)
    network = DcganDiscriminator(DcganDiscriminatorConfig(size=(16, 16), channels=1, maps=(4, 6)))
    path = tmp_path_factory.mktemp("weights") / "judge.safetensors"
    save_network(path, "dcgan-discriminator", network, NOWHERE, task="dcgan")
    return str(path)


def stripes(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return lying (0) and standing (1) stripes at any place, with noise."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    lines = 128 + 80 * np.sin(np.arange(16) * np.pi / 2 + random.uniform(0, 6, (count, 1)))
    planes = np.repeat(lines[:, None], 16, axis=1)
    planes = np.where(labels[:, None, None] == 1, planes, planes.transpose(0, 2, 1))
    return (planes + random.normal(0, 15, planes.shape)).clip(0, 255).astype(np.uint8), labels


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("data") / "stripes.npz"
    (pictures, labels), (others, truth) = stripes(100, 0), stripes(40, 1)
    np.savez(path, x_train=pictures, y_train=labels, x_test=others, y_test=truth)
    return str(path)


@pytest.fixture(autouse=True)
def _short_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervised, "IMAGES_SEEN", 200)


def test_a_class_with_too_few_pictures_is_called_by_its_folder(model: str, tmp_path: Path) -> None:
    pictures, labels = stripes(100, 0)
    for row, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        folder = tmp_path / ("lying", "standing")[label]
        folder.mkdir(exist_ok=True)
        if label == 0 or row < 20:
            cv2.imwrite(str(folder / f"{row}.png"), picture)
    done = run(app, ["probe", model, str(tmp_path), "--labels", "40", "--device", "cpu", *FEW])
    assert isinstance(done.exception, UnusableData)
    assert str(done.exception).startswith("class standing has ")


def test_document_has_every_method(model: str, data: str) -> None:
    done = run(app, ["probe", model, data, "--labels", "20", "--device", "cpu", "--json", *FEW])
    assert done.exit_code == 0, done.output
    (entry,) = json.loads(done.stdout)["results"]
    scores = {score["method"]: score for score in entry["scores"]}
    assert list(scores) == METHODS
    assert [score["draws"] for score in scores.values()] == [3, 3, 2, 3, 3]
    for name, score in scores.items():
        assert score["accuracy"] == pytest.approx(np.mean(score["accuracies"]))
        assert score["spread"] == pytest.approx(1.96 * np.std(score["accuracies"]))
        if name != "the same network, supervised":  # of one trial nothing is chosen
            assert score["chosen"] in score["validation_errors"]
    assert scores["HOG + linear SVM"]["accuracy"] == 1
    assert scores["random weights + linear SVM"]["accuracy"] > 0.6
    assert (entry["classes"], entry["labels"]) == (2, 20)
    pictures = (entry["train_pictures"], entry["validation_pictures"], entry["test_pictures"])
    assert pictures == (100, 20, 40)
    assert (entry["truncated"], entry["skipped"]) == (False, [])


def test_table_says_how_many_draws_of_the_papers(
    model: str, data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setitem(sys.modules, "skimage", None)
    monkeypatch.setitem(sys.modules, "skimage.feature", None)
    done = run(app, ["probe", model, data, "--labels", "100", *FEW])
    assert done.exit_code == 0, done.output
    assert "100 labels of 2 classes, accuracy on 40 pictures" in done.stdout
    assert "1 of 100" in done.stdout  # all labels are one draw
    assert "the best of 1 of 64 random settings" in done.stdout
    assert "HOG is left out: it needs scikit-image" in done.stdout
    assert "HOG + linear SVM" not in done.stdout


def test_class_folders_without_a_test_part_are_split(model: str, tmp_path: Path) -> None:
    pictures, labels = stripes(60, 0)
    for number, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        (tmp_path / "ab"[label]).mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / "ab"[label] / f"{number}.png"), picture)
    (tmp_path / "a" / "broken.png").write_bytes(b"no picture")
    arguments = ["probe", model, str(tmp_path), "--labels", "10", "--no-baselines", "--json", *FEW]
    done = run(app, arguments)
    assert done.exit_code == 0, done.output
    (entry,) = json.loads(done.stdout)["results"]
    assert (entry["train_pictures"], entry["test_pictures"]) == (48, 12)
    assert [score["method"] for score in entry["scores"]] == METHODS[:1]
    assert "tested on a fifth" in entry["notes"][0]
    assert entry["truncated"] is True
    assert done.stderr == f"skipped: {entry['skipped'][0]}\n"
    assert "broken.png" in entry["skipped"][0]


def test_what_cannot_be_done_is_one_line(
    model: str, data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unlabelled = tmp_path / "unlabelled.npz"
    np.savez(unlabelled, images=stripes(10, 0)[0])
    (tmp_path / "folders" / "a").mkdir(parents=True)
    (tmp_path / "folders" / "b").mkdir()
    cv2.imwrite(str(tmp_path / "folders" / "a" / "1.png"), stripes(1, 0)[0][0])
    for arguments, said in (
        ([data, "--labels", "21"], "21 labels cannot be shared by 2 classes"),
        ([data, "--labels", "90"], "90 labels need 45"),
        ([str(unlabelled), "--labels", "10"], "has no labels"),
        ([str(tmp_path / "folders"), "--labels", "2"], "has a class without a picture: b"),
        ([str(tmp_path / "missing"), "--labels", "2"], "does not exist"),
    ):
        assert exit_code_of(["probe", model, *arguments]) == 1
        line = capsys.readouterr().err
        assert said in line
        assert line.count("\n") == 1
    assert exit_code_of(["probe", model, data]) == 2
    assert "--labels" in capsys.readouterr().err
