"""From class folders to a CSV of classes: train, export, classify, evaluate."""

import csv
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

from predictor.analysis.classification_evaluation import evaluated_classification
from predictor.analysis.classifiers import load_classifier
from predictor.cli import app
from predictor.errors import OutputExists, TensorContractError, UnknownModel, UnusableData
from predictor.image_classifier import ImageClassifier
from predictor.networks.classification import Classification
from predictor.networks.pixel_units import PixelUnits
from predictor.weights import read_metadata

run = CliRunner().invoke
LEVELS = {"bright": 190, "dim": 20, "grey": 100}
"""The classes in the order of their folders."""

TRAINING = [
    "iterations=60", "validate_every=60", "preview_every=60", "checkpoint_every=60", "batch_size=6",
    "workers=0", "threads=1", "device=cpu", "average_decay=0.9", "classes=3",
    "images.size=[4,4]", "images.channels=1", "images.validation_share=0.2",
    "generator.latent=4", "generator.hidden=[8]",
    "discriminator.hidden=[16,8]", "discriminator.input_noise=0.1", "discriminator.noise=0.1",
]  # fmt: skip


def picture(name: str, seed: int, size: tuple[int, ...] = (4, 4)) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (LEVELS[name] + random.integers(0, 50, size)).astype(np.uint8)


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for name in LEVELS:
        for number in range(16):
            write(folder / name / f"{number}.png", picture(name, number))
    return folder


@pytest.fixture(scope="module")
def model(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    more = folder / "more"
    for number in range(9):
        write(more / f"{number}.png", picture([*LEVELS][number % 3], 100 + number))
    settings = [word for setting in TRAINING for word in ("--set", setting)]
    arguments = ["--labels", "6", "--unlabelled", str(more), *settings]
    done = run(app, ["train", "improved-gan", str(data), "-o", str(folder / "run"), *arguments])
    assert done.exit_code == 0, done.output
    done = run(app, ["export", str(folder / "run"), "-o", str(folder / "mine")])
    assert done.exit_code == 0, done.output
    return folder / "mine"


def test_classes_are_written_by_path_and_by_name(model: Path, tmp_path: Path) -> None:
    wanted = {}
    for number, name in enumerate(("grey", "bright", "dim", "bright")):
        # Folders that training would read as parts or as classes say nothing here.
        place = ("train/b/z.png", "a.png", "val/10.png", "train/9.png")[number]
        write(tmp_path / "in" / place, picture(name, 50 + number, (8, 12)))
        wanted[place] = name
    output = tmp_path / "out" / "classes.csv"
    done = run(app, ["classify", str(model), str(tmp_path / "in"), "-o", str(output)])
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [str(output)]
    assert "resized to cover 4x4 and cropped" in done.stderr
    rows = list(csv.DictReader(output.read_text().splitlines()))
    assert [(row["file"], row["class"]) for row in rows] == sorted(wanted.items())
    assert all(1 / 3 < float(row["probability"]) <= 1 for row in rows)
    again = run(app, ["classify", str(model), str(tmp_path / "in"), "-o", str(output)])
    assert isinstance(again.exception, OutputExists)
    over = ["classify", str(model), str(tmp_path / "in"), "-o", str(output), "--overwrite"]
    assert run(app, over).exit_code == 0


def test_one_picture_and_the_rows_of_an_array(model: Path, tmp_path: Path) -> None:
    write(tmp_path / "one.png", picture("dim", 70))
    shown = run(app, ["classify", str(model), str(tmp_path / "one.png")]).stdout.splitlines()
    assert shown[0] == "file,class,probability"
    assert shown[1].startswith("one.png,dim,")
    np.savez(
        tmp_path / "d.npz",
        x_test=picture("grey", 3, (12, 4, 4)),
        x_train=np.zeros((1, 4, 4), np.uint8),
    )
    done = run(app, ["classify", str(model), str(tmp_path / "d.npz"), "--json"])
    told = json.loads(done.stdout)["results"][0]
    files = [row["file"] for row in told["pictures"]]
    assert files == [*(f"x_test[{number}]" for number in range(12)), "x_train[0]"]
    assert {row["class"] for row in told["pictures"][:-1]} == {"grey"}
    assert not told["truncated"]


def test_a_name_that_is_no_text_is_written_byte_for_byte(model: Path, tmp_path: Path) -> None:
    write(tmp_path / "in/one.png", picture("dim", 70))
    (tmp_path / "in/one.png").rename(os.fsdecode(os.fsencode(tmp_path / "in") + b"/\xff.png"))
    output = tmp_path / "classes.csv"
    done = run(app, ["classify", str(model), str(tmp_path / "in"), "-o", str(output)])
    assert done.exit_code == 0, done.exception
    assert output.read_bytes().splitlines()[1].startswith(b"\xff.png,dim,")


def test_an_unreadable_picture_is_said_and_has_no_row(model: Path, tmp_path: Path) -> None:
    write(tmp_path / "a.png", picture("dim", 1))
    (tmp_path / "b.png").write_bytes(b"no picture")
    done = run(app, ["classify", str(model), str(tmp_path), "--json"])
    told = json.loads(done.stdout)["results"][0]
    assert [row["file"] for row in told["pictures"]] == ["a.png"]
    assert told["truncated"]
    assert "b.png" in told["skipped"][0]
    assert "skipped: " in done.stderr
    assert (done.exit_code, json.loads(done.stdout)["exit_code"]) == (3, 3)
    assert run(app, ["classify", str(model), str(tmp_path)]).exit_code == 3


def test_an_evaluation_says_what_it_left_out(model: Path, tmp_path: Path) -> None:
    for name in ("bright", "dim"):
        write(tmp_path / name / "a.png", picture(name, 1))
    (tmp_path / "dim" / "b.png").write_bytes(b"no picture")
    done = run(app, ["evaluate", str(model), str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "skipped: " in done.stderr
    assert "b.png" in done.stderr


def test_what_cannot_be_classified_is_named(model: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for place, message in (("empty", "empty has no picture in it"), ("none", "does not exist")):
        done = run(app, ["classify", str(model), str(tmp_path / place)])
        assert isinstance(done.exception, UnusableData)
        assert message in str(done.exception)
    alone = tmp_path / "alone.safetensors"
    shutil.copy(model / "mine.safetensors", alone)  # the generator without what was beside it
    done = run(app, ["classify", str(alone), str(tmp_path)])
    assert isinstance(done.exception, UnknownModel)
    assert "tells no classes: expected a classifier, not a normalized generator, or beside" in str(
        done.exception
    )


def test_the_released_files_say_the_classes(model: Path) -> None:
    for file in ("mine.safetensors", "mine.discriminator.safetensors"):
        assert read_metadata(model / file).class_names == ("bright", "dim", "grey")
    assert "predictor classify path/to/mine pictures/" in (model / "README.md").read_text()
    assert load_classifier(model / "mine.discriminator.safetensors").class_names[1] == "dim"


def test_evaluation_counts_and_writes_a_page(model: Path, data: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    arguments = ["evaluate", str(model), str(data), "--json", "-o", str(page)]
    done = run(app, arguments)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)["results"][0]
    assert (told["part"], told["pictures"], told["scores"]["wrong"]) == ("train", 48, 0)
    assert told["confusion"] == [[16, 0, 0], [0, 16, 0], [0, 0, 16]]
    assert [each["class"] for each in told["classes"]] == ["bright", "dim", "grey"]
    assert sum(each["pictures"] for each in told["reliability"]) == 48
    text = page.read_text()
    assert "Calibration" in text
    assert "<td>grey</td>" in text
    table = run(app, ["evaluate", str(model), str(data)])
    assert "0, 0.00 %" in table.stdout


def test_evaluation_knows_classes_by_their_names(model: Path, data: Path, tmp_path: Path) -> None:
    shutil.copytree(data / "grey", tmp_path / "some" / "grey")
    shutil.copytree(data / "dim", tmp_path / "some" / "dim")
    found = evaluated_classification({"m": load_classifier(model)}, tmp_path / "some")
    assert found.confusion.tolist() == [[0, 0, 0], [0, 16, 0], [0, 0, 16]]
    shutil.copytree(data / "grey", tmp_path / "some" / "dark")
    done = run(app, ["evaluate", str(model), str(tmp_path / "some")])
    assert isinstance(done.exception, UnusableData)
    said = (
        "the class 'dark', which the model does not tell; it tells bright, dim, grey; --unlabelled"
    )
    assert said in str(done.exception)


def test_options_of_other_models_are_refused(model: Path, data: Path) -> None:
    done = run(app, ["evaluate", str(model), str(data), "--horizon", "3"])
    assert done.exit_code == 2
    assert "--horizon does not apply to models of the system improved-gan" in done.output
    for command in ("evaluate", "classify"):
        twice = run(app, [command, str(model), str(data), "--with", str(model)])
        assert twice.exit_code == 2, command


class Says(nn.Module):
    """A classifier of fixed answers by the brightness of a picture."""

    classes = 2
    image_shape = (1, 2, 2)

    def __init__(self, answer: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.units = PixelUnits("unit", (1, 2, 2))
        self.answer = answer

    def forward(self, images: Tensor) -> Classification:
        share = self.answer(images.mean((1, 2, 3)))
        return Classification(torch.stack([share, 1 - share], dim=1).log(), images)


def test_labels_that_are_names_of_the_model_mean_those(tmp_path: Path) -> None:
    """As where folders 0 to 10 were trained on in the order of their names: 10 comes before 2."""
    pictures = np.array([0, 0, 255], np.uint8)
    labels = np.array([1, 1, 0])
    path = tmp_path / "d.npz"
    np.savez(path, x_test=np.broadcast_to(pictures[:, None, None], (3, 2, 2)), y_test=labels)
    dark_first = Says(lambda bright: 0.9 - 0.8 * bright)
    found = evaluated_classification({"m": ImageClassifier(dark_first, ["1", "0"])}, path)
    assert found.confusion.tolist() == [[2, 0], [0, 1]]


@pytest.mark.parametrize("images", [torch.full((1, 1, 2, 2), 200.0), np.zeros((1, 1, 2, 2)),
                                    torch.zeros(0, 1, 2, 2)])  # fmt: skip
def test_what_is_no_picture_in_its_range_is_refused(images: Any) -> None:
    classifier = ImageClassifier(Says(lambda bright: bright))
    with pytest.raises(TensorContractError, match="images"):
        classifier.probabilities(images)


def test_several_models_answer_by_their_mean(tmp_path: Path) -> None:
    values = np.array([0, 0, 255, 255, 255], np.uint8)
    labels = np.array([0, 1, 1, 1, 0])
    path = tmp_path / "d.npz"
    np.savez(path, x_test=np.broadcast_to(values[:, None, None], (5, 2, 2)), y_test=labels,
             x_train=np.zeros((1, 2, 2), np.uint8), y_train=np.zeros(1, np.int64))  # fmt: skip
    models: dict[str, Any] = {
        "sure": ImageClassifier(Says(lambda bright: 0.9 - 0.8 * bright)),  # right on 3 of 5
        "torn": ImageClassifier(Says(lambda bright: torch.full_like(bright, 0.7))),  # always 0
    }
    found = evaluated_classification(models, path)
    assert (found.part, found.pictures) == ("test", 5)
    assert found.wrong_by_model == {"sure": 2, "torn": 3}
    assert found.mean_wrong == (2.5, pytest.approx(0.5**0.5))
    # Together 0.8 for class 0 of the dark, 0.4 of the bright.
    assert found.confusion.tolist() == [[1, 1], [1, 2]]
    assert found.error_percent == pytest.approx(40)
    expected = -(np.log(0.8) + np.log(0.2) + 2 * np.log(0.6) + np.log(0.4)) / 5
    assert found.cross_entropy_nats == pytest.approx(expected, rel=1e-5)
    gap = (2 * abs(0.8 - 0.5) + 3 * abs(0.6 - 2 / 3)) / 5
    assert found.calibration.expected_error == pytest.approx(gap, rel=1e-5)


def test_being_certain_and_wrong_costs_a_number(tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    np.savez(path, x_test=np.zeros((1, 2, 2), np.uint8), y_test=np.ones(1, np.int64),
             x_train=np.zeros((2, 2, 2), np.uint8), y_train=np.arange(2))  # fmt: skip
    certain = ImageClassifier(Says(torch.ones_like))
    found = evaluated_classification({"certain": certain}, path)
    assert 80 < found.cross_entropy_nats < 90
    json.dumps(found.as_json(), allow_nan=False)


def test_every_batch_is_of_all_classes(tmp_path: Path) -> None:
    """A network that compares the pictures of a batch could else tell their class by that."""
    for name, grey in (("0", 20), ("1", 220)):
        (tmp_path / name).mkdir()
        for number in range(150):
            cv2.imwrite(str(tmp_path / name / f"{number}.png"), np.full((4, 4), grey, np.uint8))

    class Alone(nn.Module):
        classes, image_shape, units = 2, (1, 4, 4), PixelUnits("signed", (1, 4, 4))

        def forward(self, images: Tensor) -> Classification:
            brightness = images.mean((1, 2, 3))
            shares.append(float((brightness > 0).float().mean()))
            return Classification(torch.stack([-brightness, brightness], 1), brightness)

    shares: list[float] = []
    found = evaluated_classification({"m": ImageClassifier(Alone())}, tmp_path)
    assert len(shares) > 1
    assert all(0.2 < share < 0.8 for share in shares)
    assert found.confusion.tolist() == [[150, 0], [0, 150]]


def test_models_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    one, other = (ImageClassifier(Says(lambda b: b), names) for names in (("a", "b"), ("a", "c")))
    with pytest.raises(UnknownModel, match="class names of one is"):
        evaluated_classification({"one": one, "other": other}, tmp_path)
    with pytest.raises(UnknownModel, match="tells 2 classes and names 3"):
        ImageClassifier(Says(lambda b: b), ("a", "b", "c"))


def test_a_plain_classifier_answers_too(tmp_path: Path) -> None:
    for name in ("0.png", "1.png"):
        write(tmp_path / "asked" / name, np.full((28, 28), 90, np.uint8))
    done = run(app, ["classify", "mnist-classifier", str(tmp_path / "asked"), "--json"])
    assert done.exit_code == 0, done.output
    (entry,) = json.loads(done.stdout)["results"]
    assert [row["file"] for row in entry["pictures"]] == ["0.png", "1.png"]
    assert {row["class"] for row in entry["pictures"]} <= set("0123456789")
