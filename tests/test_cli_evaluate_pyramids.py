"""``predictor evaluate`` of pyramids: the likelihood by levels beside that of whole pictures."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from released import released
from typer.testing import CliRunner

from predictor.analysis import image_evaluation
from predictor.analysis.multiscale_likelihood import multiscale_likelihood
from predictor.cli import app
from predictor.networks.dense_discriminator import DenseDiscriminatorConfig
from predictor.networks.dense_generator import DenseGeneratorConfig
from predictor.networks.laplacian_detail import DetailDiscriminatorConfig, DetailGeneratorConfig
from predictor.weights import load_network

run = CliRunner().invoke


def pyramid(folder: Path, *, is_blurred: bool, classes: int | None = None) -> Path:
    """Write a generator of two levels and its discriminator; return the generator's file."""
    path = folder / "levels.safetensors"
    coarsest = DenseGeneratorConfig(
        (1, 4, 4), 3, "uniform", hidden=(6,), activations=("relu",), classes=classes,
        units="standardized", initialization="torch", bias_from_data=False,
    )  # fmt: skip
    finer = DetailGeneratorConfig((1, 8, 8), planes=(4,), kernels=(3, 3), classes=classes)
    released(
        path, "laplacian-generator", "lapgan", 0.3, coarsest=coarsest, finer=(finer,),
        units="signed",
    )  # fmt: skip
    judge = DenseDiscriminatorConfig(
        (1, 4, 4), hidden=(6,), pieces=1, classes=classes, units="standardized",
        initialization="torch",
    )  # fmt: skip
    detail = DetailDiscriminatorConfig((1, 8, 8), classes=classes, planes=4, kernel=3)
    released(
        folder / "levels.discriminator.safetensors", "laplacian-discriminator", "lapgan",
        coarsest=judge, finer=(detail,),
        units="signed", is_blurred=is_blurred,
    )  # fmt: skip
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    images = np.random.default_rng(0).integers(0, 256, (30, 8, 8), np.uint8)
    np.savez(tmp_path / "d.npz", x_test=images, y_test=np.arange(30) % 2)
    return tmp_path / "d.npz"


@pytest.mark.parametrize("is_blurred", [False, True])
@pytest.mark.parametrize("classes", [None, 2])
def test_the_likelihood_by_levels_stands_beside_that_of_whole_pictures(
    classes: int | None,
    is_blurred: bool,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(image_evaluation, "PYRAMIDS_TESTED", 5)
    model, report = pyramid(tmp_path, is_blurred=is_blurred, classes=classes), tmp_path / "r.html"
    arguments = ["evaluate", str(model), str(data), "--samples", "20", "--seed", "3"]
    done = run(app, [*arguments, "--json", "-o", str(report)])
    assert done.exit_code == 0, done.output
    (entry,) = json.loads(done.stdout)["results"]
    with np.load(data) as arrays:
        images = torch.from_numpy(arrays["x_test"])[:, None] / 127.5 - 1
    chosen = [0, 14, 29]
    rest = [row for row in range(30) if row not in chosen]
    tested = [rest[row] for row in (0, 6, 13, 20, 26)]
    labels = (torch.tensor(chosen) % 2, torch.tensor(tested) % 2) if classes else None
    network, _ = load_network(model)
    expected = multiscale_likelihood(
        network, images[tested], images[chosen], labels=labels, seed=3, is_blurred=is_blurred
    )
    assert entry["multiscale_parzen_nats"] == pytest.approx(expected.nats, rel=1e-5)
    assert entry["scores"]["multiscale_parzen_nats"] == entry["multiscale_parzen_nats"]
    assert entry["multiscale_images"] == 5
    shown = f"{expected.nats:.1f} ± {expected.standard_error_nats:.1f} nats"
    row = "the same summed over the levels, 5 pictures of test"
    assert f"<td>{row}</td><td>{shown}</td>" in report.read_text()
    assert (entry["left_out"], done.stderr.count("of detail")) == ({}, 1)


def test_classes_of_a_pyramid_need_labels(data: Path, tmp_path: Path) -> None:
    model, unlabelled = pyramid(tmp_path, is_blurred=False, classes=2), tmp_path / "u.npz"
    with np.load(data) as arrays:
        np.savez(unlabelled, x_test=arrays["x_test"])
    done = run(app, ["evaluate", str(model), str(unlabelled), "--samples", "20", "--json"])
    assert done.exit_code == 0, done.output
    (entry,) = json.loads(done.stdout)["results"]
    assert list(entry["left_out"].values()) == ["the pictures have no labels"] * 2


def test_how_a_pyramid_is_made_must_be_known(data: Path, tmp_path: Path) -> None:
    model = pyramid(tmp_path, is_blurred=True)
    (tmp_path / "levels.discriminator.safetensors").unlink()
    done = run(app, ["evaluate", str(model), str(data), "--samples", "20", "--json"])
    assert done.exit_code == 0, done.output
    (entry,) = json.loads(done.stdout)["results"]
    assert entry["multiscale_parzen_nats"] is None
    assert list(entry["left_out"]) == ["likelihood summed over the levels"]
