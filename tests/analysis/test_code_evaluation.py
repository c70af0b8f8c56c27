"""What codes are worth, on a model whose reader is right about what it was told."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from released import NOWHERE
from torch import Tensor, nn
from typer.testing import CliRunner

from predictor.analysis.code_evaluation import CodeScores, evaluated_codes, most_nats
from predictor.analysis.code_reader import CodeReader
from predictor.analysis.code_report import code_rows, code_sections
from predictor.cli import app
from predictor.errors import UnknownModel, UnusableData
from predictor.image_sampler import ImageSampler
from predictor.model_files import companion_file
from predictor.networks.infogan import (
    CodedJudgement,
    CodePosterior,
    InfoganDiscriminator,
    InfoganDiscriminatorConfig,
    InfoganGenerator,
    InfoganGeneratorConfig,
)
from predictor.networks.pixel_units import PixelUnits
from predictor.structured_latents import StructuredLatents
from predictor.weights import save_network

run = CliRunner().invoke

CODES = StructuredLatents(noise=1, categorical=(4,), uniform=1)


class Paints(nn.Module):
    """Makes a picture whose first row says the category, and whose corner the number."""

    classes, structure, units = None, CODES, PixelUnits("unit", (1, 6, 6))
    latent_width, distribution = CODES.width, CODES.distribution

    def forward(self, latents: Tensor, labels: None = None) -> Tensor:
        pictures = torch.zeros(len(latents), 1, 6, 6)
        pictures[:, 0, 0, :4] = latents[:, 1:5]
        pictures[:, 0, 5, 5] = (latents[:, 5] + 1) / 2
        return pictures


class Reads(nn.Module):
    """Reads them back, the number with a deviation of 0.1."""

    structure, units, image_shape = CODES, PixelUnits("unit", (1, 6, 6)), (1, 6, 6)

    def forward(self, pictures: Tensor) -> CodedJudgement:
        numbers = 2 * pictures[:, 0, 5, 5:] - 1
        spread = torch.full_like(numbers, 2 * math.log(0.1))
        logits = (50 * pictures[:, 0, 0, :4],)
        posterior = CodePosterior(logits, numbers, spread)
        return CodedJudgement(torch.zeros(len(pictures), 1), posterior, pictures.flatten(1))


def lit(categories: list[int]) -> np.ndarray:
    images = np.zeros((len(categories), 6, 6), np.uint8)
    images[np.arange(len(categories)), 0, categories] = 255
    return images


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Test pictures of categories 0, 0, 0, 2, 3, 3; train pictures that would say otherwise."""
    path = tmp_path / "d.npz"
    np.savez(
        path,
        x_train=lit([0, 1, 2, 3]),
        y_train=[3, 3, 3, 3],
        x_test=lit([0, 0, 0, 2, 3, 3]),
        y_test=[1, 1, 2, 0, 0, 0],
    )
    return path


def scores(path: Path, **options: Any) -> CodeScores:
    sampler = ImageSampler(Paints())
    return evaluated_codes(CodeReader(Reads()), sampler, path, samples=300, **options)


def test_information_and_error_are_those_of_the_test_pictures(data: Path) -> None:
    found = scores(data, are_labelled=True)
    number = math.log(2) - math.log(0.1 * math.sqrt(2 * math.pi))
    assert found.information_nats == pytest.approx({"c1": math.log(4), "c2": number}, abs=1e-4)
    assert found.classes is not None
    assert found.classes.error_percent == pytest.approx(100 / 6)
    assert found.classes.assigned == (1, -1, 0, 0)
    assert found.classes.counts.tolist() == [[0, 2, 1], [0, 0, 0], [1, 0, 0], [2, 0, 0]]
    assert list(found.named()) == ["information_c1_nats", "information_c2_nats", "c1_error_percent"]
    document = json.loads(json.dumps(found.as_json()))
    assert document["c1_classes"] == ["1", None, "0", "0"]
    assert document["labelled_images"] == 6
    assert document["information_nats"]["categorical"] == pytest.approx(math.log(4), abs=1e-4)
    assert document["information_nats"]["uniform"] == pytest.approx(number, abs=1e-4)


def test_folders_name_the_classes(tmp_path: Path) -> None:
    for number, (name, image) in enumerate(zip("bbaa", lit([1, 1, 0, 3]), strict=True)):
        path = tmp_path / "pictures" / name / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), image)
    found = scores(tmp_path / "pictures").as_json()
    assert found["c1_error_percent"] == 0
    assert found["c1_classes"] == ["a", "b", None, "a"]


def test_without_labels_there_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    np.savez(path, images=lit([0, 1, 2]))
    found = scores(path)
    assert found.classes is None
    assert found.as_json()["c1_error_percent"] is None
    with pytest.raises(UnusableData, match=r"d.npz has no labels, which --labelled asks for"):
        scores(path, are_labelled=True)


def test_without_a_categorical_code_there_is_no_classifier(data: Path) -> None:
    torch.manual_seed(0)
    plain = StructuredLatents(3, (), 1)
    reader = CodeReader(
        InfoganDiscriminator(InfoganDiscriminatorConfig((1, 8, 8), plain, (4,), dense=4, read=3))
    )
    sampler = ImageSampler(
        InfoganGenerator(InfoganGeneratorConfig((1, 8, 8), plain, dense=4, maps=(4,)))
    )
    assert evaluated_codes(reader, sampler, data, samples=100).classes is None
    with pytest.raises(UnusableData, match="has no categorical code"):
        evaluated_codes(reader, sampler, data, samples=100, are_labelled=True)
    assert most_nats(plain, "c1") == math.inf
    assert most_nats(CODES, "c1") == math.log(4)


def test_rows_and_sections_say_what_was_measured(data: Path) -> None:
    found = scores(data)
    rows = dict(code_rows(found))
    assert rows["information of c1"] == "1.386 of 1.386 nats"
    assert rows["information of c2"].endswith(" nats")
    assert " of " not in rows["information of c2"]
    assert rows["error of c1 as a classifier"] == "16.67 %"
    page = "".join(code_sections(found.classes, ImageSampler(Paints()), seed=0))
    assert "<td>1</td><td>none</td><td>0</td><td>0</td><td>0</td>" in page
    assert "<td>0</td><td>1</td><td>0</td><td>2</td><td>1</td>" in page
    assert page.count("data:image/png;base64,") == 1


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("models") / "coded.safetensors"
    shape = (1, 6, 6)
    generator = InfoganGenerator(InfoganGeneratorConfig(shape, CODES, dense=5, maps=(3,)))
    reader = InfoganDiscriminator(InfoganDiscriminatorConfig(shape, CODES, (3,), dense=5, read=4))
    save_network(path, "infogan", generator, NOWHERE, task="infogan")
    judge = companion_file(path, "discriminator")
    save_network(
        judge, "infogan-discriminator", reader, NOWHERE, task="infogan", part="discriminator"
    )
    return str(path)


@pytest.fixture
def many(tmp_path: Path) -> Callable[[bool], str]:
    def made(are_labelled: bool) -> str:
        images = np.random.default_rng(0).integers(0, 256, (40, 6, 6), np.uint8)
        labels = {"y_train": np.arange(40) % 3} if are_labelled else {}
        np.savez(tmp_path / "many.npz", x_train=images, **labels)
        return str(tmp_path / "many.npz")

    return made


def test_the_command_measures_codes_beside_the_pictures(
    model: str, many: Callable[[bool], str], tmp_path: Path
) -> None:
    report = tmp_path / "report.html"
    arguments = ["evaluate", model, many(True), "--samples", "40"]
    done = run(app, [*arguments, "--labelled", "--json", "-o", str(report)])
    assert done.exit_code == 0, done.output
    (entry,) = json.loads(done.stdout)["results"]
    assert set(entry["codes"]["information_nats"]) == {"c1", "c2", "categorical", "uniform"}
    assert 0 <= entry["codes"]["c1_error_percent"] <= 100
    assert entry["scores"]["c1_error_percent"] == entry["codes"]["c1_error_percent"]
    assert math.isfinite(entry["parzen_nats"])
    page = report.read_text()
    assert "error of c1 as a classifier" in page
    assert "Parzen log-likelihood" in page
    assert page.count("data:image/png;base64,") == 4  # samples of fresh weights repeat each other
    table = run(app, arguments, env={"COLUMNS": "200"})
    assert "information of c2" in table.stdout
    assert "error of c1 as a classifier" in table.stdout


def test_a_generator_alone_is_measured_and_what_is_left_out_is_said(
    model: str, many: Callable[[bool], str], tmp_path: Path
) -> None:
    alone = tmp_path / "alone.safetensors"
    alone.write_bytes(Path(model).read_bytes())
    arguments = ["evaluate", str(alone), many(True), "--samples", "40"]
    done = run(app, [*arguments, "--json", "-o", str(tmp_path / "report.html")])
    assert done.exit_code == 0, done.output
    (entry,) = json.loads(done.stdout)["results"]
    assert math.isfinite(entry["scores"]["parzen_nats"])
    assert "codes" not in entry
    why = "no discriminator beside the generator reads its codes"
    measures = ["information of c1, c2", "error of c1 as a classifier"]
    assert entry["left_out"] == dict.fromkeys(measures, why)
    page = (tmp_path / "report.html").read_text()
    assert f"<td>information of c1, c2</td><td>left out: {why}</td>" in page
    assert page.count("data:image/png;base64,") == 4  # the codes varied need no reader
    assert f"left out: {why}" in run(app, arguments, env={"COLUMNS": "200"}).stdout
    refused = run(app, [*arguments, "--labelled"])
    assert isinstance(refused.exception, UnknownModel)
    assert "was released without its discriminator" in str(refused.exception)


def test_labels_that_are_asked_for_and_missing_are_an_error(
    model: str, many: Callable[[bool], str]
) -> None:
    arguments = ["evaluate", model, many(False), "--samples", "40"]
    assert run(app, arguments).exit_code == 0
    refused = run(app, [*arguments, "--labelled"])
    assert isinstance(refused.exception, UnusableData)
