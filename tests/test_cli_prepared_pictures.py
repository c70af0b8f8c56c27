"""Pictures become what a model takes as they did in its training, whatever looks at them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from released import NOWHERE
from typer.testing import CliRunner

import predictor
from predictor.analysis.classifiers import load_classifier
from predictor.cli import app
from predictor.errors import UnknownModel
from predictor.networks.classifier import Classifier, ClassifierConfig
from predictor.networks.dense_generator import DenseGenerator, DenseGeneratorConfig
from predictor.networks.infogan import (
    InfoganDiscriminator,
    InfoganDiscriminatorConfig,
    InfoganGenerator,
    InfoganGeneratorConfig,
)
from predictor.structured_latents import StructuredLatents
from predictor.weights import save_network

run = CliRunner().invoke

SHAPE, WIDE = (1, 6, 6), 10
CODES = StructuredLatents(noise=1, categorical=(3,), uniform=1)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same models twice: ``cut`` of the middles of pictures of 10x10, ``whole`` of pictures."""
    root = tmp_path_factory.mktemp("models")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        plain = DenseGenerator(DenseGeneratorConfig(SHAPE, 4, hidden=(8,), activations=("relu",)))
        coded = InfoganGenerator(InfoganGeneratorConfig(SHAPE, CODES, dense=5, maps=(3,)))
        judge = InfoganDiscriminator(
            InfoganDiscriminatorConfig(SHAPE, CODES, (3,), dense=5, read=4)
        )
        classifier = Classifier(ClassifierConfig(SHAPE, classes=3, maps=(3, 4)))

    for folder, short_side in (("cut", WIDE), ("whole", None)):
        (root / folder).mkdir()
        for file, name, network, task, part in (
            ("gan", "dense-generator", plain, "gan", None),
            ("infogan", "infogan", coded, "infogan", None),
            ("infogan.discriminator", "infogan-discriminator", judge, "infogan", "discriminator"),
            ("classifier", "classifier", classifier, "classifier", None),
        ):
            path = root / folder / f"{file}.safetensors"
            save_network(path, name, network, NOWHERE, task=task, part=part, short_side=short_side)
    return root


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of 10x10 in ``cut.npz``, the middles of the same ones in ``whole.npz``."""
    random, folder = np.random.default_rng(0), tmp_path_factory.mktemp("data")
    pictures, labels = {}, {}
    for part, count in (("train", 60), ("test", 30)):
        pictures[f"x_{part}"] = random.integers(0, 256, (count, WIDE, WIDE), np.uint8)
        labels[f"y_{part}"] = np.arange(count) % 3
    np.savez(folder / "cut.npz", **pictures, **labels)
    middles = {name: found[:, 2:8, 2:8] for name, found in pictures.items()}
    np.savez(folder / "whole.npz", **middles, **labels)
    return folder


@pytest.mark.parametrize("name", ["gan", "infogan", "classifier"])
def test_evaluations_are_those_of_the_middles(name: str, models: Path, data: Path) -> None:
    samples = [] if name == "classifier" else ["--samples", "30"]
    found = []
    for kind in ("cut", "whole"):
        model, pictures = models / kind / f"{name}.safetensors", data / f"{kind}.npz"
        done = run(app, ["evaluate", str(model), str(pictures), "--json", *samples])
        assert done.exit_code == 0, done.output
        entry = json.loads(done.stdout)["results"][0]
        found.append({**entry, "input": None, "model": None, "models": None})
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("command", "name", "ending"),
    [
        ("classify", "classifier", "csv"),
        ("encode", "infogan", "csv"),
        ("features", "infogan", "npz"),
    ],
)
def test_answers_codes_and_features_are_those_of_the_middles(
    command: str, name: str, ending: str, models: Path, data: Path, tmp_path: Path
) -> None:
    found = []
    for kind in ("cut", "whole"):
        model, pictures = models / kind / f"{name}.safetensors", data / f"{kind}.npz"
        table = tmp_path / f"{kind}.{ending}"
        done = run(app, [command, str(model), str(pictures), "-o", str(table)])
        assert done.exit_code == 0, done.output
        if ending == "csv":
            found.append(table.read_text())
        else:
            with np.load(table) as stored:
                found.append(stored["features"].tolist())
    assert found[0] == found[1]


def test_a_probe_is_of_the_middles(models: Path, data: Path) -> None:
    scores = []
    for kind in ("cut", "whole"):
        model, pictures = models / kind / "infogan.safetensors", data / f"{kind}.npz"
        options = ["--labels", "6", "--draws", "2", "--no-baselines", "--json"]
        done = run(app, ["probe", str(model), str(pictures), *options])
        assert done.exit_code == 0, done.output
        scores.append(json.loads(done.stdout)["results"][0]["scores"])
    assert scores[0] == scores[1]


def test_models_that_are_shown_pictures_differently_do_not_answer_together(
    models: Path, data: Path
) -> None:
    one, other = (str(models / kind / "classifier.safetensors") for kind in ("cut", "whole"))
    done = run(app, ["evaluate", one, str(data / "cut.npz"), "--with", other])
    assert isinstance(done.exception, UnknownModel)
    assert "the short side of one is 10, of another None" in str(done.exception)


def test_bundled_models_are_of_whole_pictures() -> None:
    assert predictor.load("conditional-gan-mnist").short_side is None
    assert load_classifier("mnist-classifier").short_side is None
