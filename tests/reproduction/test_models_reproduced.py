"""Models that are there already, tested by a recipe's protocol."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from released import NOWHERE
from typer.testing import CliRunner

from predictor.analysis.classifiers import load_classifier
from predictor.cli import app
from predictor.errors import SettingsError
from predictor.networks.dense_classifier import DenseClassifier, DenseClassifierConfig
from predictor.networks.dense_generator import DenseGenerator, DenseGeneratorConfig
from predictor.recipes import load_recipe
from predictor.reproduction.plan import planned
from predictor.reproduction.reproduction import released_networks
from predictor.weights import save_network

run = CliRunner().invoke

NAMES = ("ant", "bee", "cow")


def reproduce(*arguments: Any) -> Any:
    return run(app, ["reproduce", *map(str, arguments)], env={"COLUMNS": "300"})


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    """Pictures of three classes, each a brightness, in a part to train on and one to test on."""
    folder, random = tmp_path / "pictures", np.random.default_rng(0)
    for part, count in (("train", 12), ("test", 9)):
        for number in range(count):
            name = NAMES[number % 3]
            path = folder / part / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            level = 20 + 80 * (number % 3)
            cv2.imwrite(str(path), (level + random.integers(0, 30, (28, 28))).astype(np.uint8))
    return folder


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    """A classifier whose classes are not in the order of the folders."""
    torch.manual_seed(0)
    network = DenseClassifier(DenseClassifierConfig(shape=(1, 28, 28), classes=3, hidden=(8,)))
    path = tmp_path / "mine.safetensors"
    save_network(
        path, "dense-classifier", network, NOWHERE, task="improved-gan", class_names=NAMES[::-1]
    )
    return path


def test_classes_are_those_of_their_names(digits: Path, classifier: Path) -> None:
    done = reproduce("improved-gan-mnist-100", classifier, digits, "--json")
    assert done.exit_code == 0, done.output
    (entry,) = json.loads(done.stdout)["results"]
    answers = run(app, ["classify", str(classifier), str(digits / "test")]).stdout.splitlines()[1:]
    wrong = [line.split("/")[0] != line.split(",")[1] for line in answers]
    assert load_classifier(classifier).class_names == NAMES[::-1]
    assert entry["scores"]["error_percent"] == pytest.approx(100 * np.mean(wrong))
    assert 0 < np.mean(wrong) < 1


def test_it_is_said_how_a_model_was_trained(digits: Path, classifier: Path) -> None:
    done = reproduce("improved-gan-mnist-100", classifier, digits, "--json")
    (entry,) = json.loads(done.stdout)["results"]
    assert entry["scale"] is None
    origin = f"{NOWHERE.iterations:,} iterations, {NOWHERE.command}"
    assert f"{classifier}: {origin}" in entry["notes"]
    assert "labels were shown" not in done.stdout
    assert origin in reproduce("improved-gan-mnist-100", classifier, digits).stdout


def test_pictures_of_another_shape_are_refused(digits: Path, tmp_path: Path) -> None:
    generator = DenseGenerator(DenseGeneratorConfig(shape=(3, 8, 8), latent=4, hidden=(6, 5)))
    path = tmp_path / "small.safetensors"
    save_network(path, "dense-generator", generator, NOWHERE, task="gan")
    done = reproduce("gan-mnist", path, digits)
    assert isinstance(done.exception, SettingsError)
    assert "are (3, 8, 8), those of the recipe gan-mnist (1, 28, 28)" in str(done.exception)


def test_companions_of_a_name_with_brackets_are_found(classifier: Path) -> None:
    path = classifier.rename(classifier.with_name("mine [1].safetensors"))
    path.with_name("mine [1].discriminator.safetensors").write_bytes(path.read_bytes())
    assert set(released_networks(str(path)).networks) == {"", "discriminator"}


def test_against_is_for_a_model_of_a_recipe_that_compares_two(digits: Path, tmp_path: Path) -> None:
    for arguments, said in (
        (["gan-mnist", "a", digits], "does not apply to gan-mnist, which compares with nothing"),
        (["lapgan-cifar10", digits, "-o", tmp_path / "r"], "not apply to what is trained here"),
    ):
        done = reproduce(*arguments, "--against", "b")
        assert done.exit_code == 2
        assert said in done.output


def test_a_plan_of_which_nothing_began_is_made_anew(tmp_path: Path) -> None:
    few, folder = tmp_path / "few.npz", tmp_path / "r"
    images = np.zeros((20, 28, 28), np.uint8)
    np.savez(few, x_train=images, x_test=images)
    quick = ["-o", folder, "--device", "cpu", "--set", "workers=0"]
    failed = reproduce("gan-mnist", few, *quick)
    assert "too few to hold 10000 out" in str(failed.exception)
    assert not folder.exists()
    planned(folder, load_recipe("gan-mnist"), few, seeds=1, budget_s=None, changes={})
    other = tmp_path / "other.npz"
    other.write_bytes(few.read_bytes())
    failed = reproduce("gan-mnist", other, *quick)
    assert "too few to hold 10000 out" in str(failed.exception)
    assert json.loads((folder / "plan.json").read_text())["data"] == str(other)
