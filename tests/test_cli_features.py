"""``predictor features``: the file, whose statistics it used, and what is refused."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from released import NOWHERE
from typer.testing import CliRunner

from pipelines.cli import run as exit_code_of
from predictor.analysis.feature_file import picture_features
from predictor.analysis.features import FeatureExtractor
from predictor.analysis.pictures import as_images, mixed_batches
from predictor.cli import app
from predictor.networks.dcgan import (
    DcganDiscriminator,
    DcganDiscriminatorConfig,
    DcganGenerator,
    DcganGeneratorConfig,
)
from predictor.weights import load_network, save_network

run = CliRunner().invoke

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), np.uint8)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(0)
    network = DcganDiscriminator(DcganDiscriminatorConfig(size=(8, 8), maps=(3, 4)))
    path = tmp_path_factory.mktemp("weights") / "judge.safetensors"
    save_network(path, "dcgan-discriminator", network, NOWHERE, task="dcgan")
    return str(path)


def arrays(path: Path) -> dict[str, NDArray[Any]]:
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


@pytest.fixture
def data(tmp_path: Path) -> str:
    path = tmp_path / "pictures.npz"
    labels = np.arange(20) % 3
    np.savez(path, x_train=PIXELS[:14], y_train=labels[:14], x_test=PIXELS[14:], y_test=labels[14:])
    return str(path)


def test_the_file_has_every_picture_and_uses_the_training_statistics(
    model: str, data: str, tmp_path: Path
) -> None:
    output = tmp_path / "new" / "features.npz"
    done = run(app, ["features", model, data, "-o", str(output), "--device", "cpu"])
    assert done.exit_code == 0, done.output
    assert done.stdout.split() == [str(output)]
    found = arrays(output)
    assert found["parts"].tolist() == ["train"] * 14 + ["test"] * 6
    assert found["labels"].tolist() == (np.arange(20) % 3).tolist()
    assert len(set(found["names"])) == 20
    assert found["layers"].tolist() == [48, 64]
    assert found["grid"].tolist() == [4, 4]
    extractor = FeatureExtractor(load_network(Path(model))[0])  # type: ignore[arg-type] # an encoder
    extractor.measure(mixed_batches(PIXELS[:14]))
    expected = extractor.features(as_images(PIXELS))
    np.testing.assert_allclose(found["features"], expected, atol=1e-5)


def test_statistics_can_be_those_of_other_pictures(model: str, data: str, tmp_path: Path) -> None:
    others = tmp_path / "others.npz"
    np.savez(others, images=PIXELS[:14])
    features = []
    for number, options in enumerate(([], ["--statistics", str(others)])):
        output = tmp_path / f"{number}.npz"
        alone = tmp_path / "alone.npz"
        np.savez(alone, images=PIXELS[14:])
        done = run(app, ["features", model, str(alone), "-o", str(output), *options, "--json"])
        assert done.exit_code == 0, done.output
        (entry,) = json.loads(done.stdout)["results"]
        assert (entry["pictures"], entry["width"], entry["has_labels"]) == (6, 112, False)
        found = arrays(output)
        assert "labels" not in found
        features.append(found["features"])
    assert not np.allclose(features[0], features[1], atol=1e-2)
    whole = tmp_path / "whole.npz"
    run(app, ["features", model, data, "-o", str(whole)])
    np.testing.assert_allclose(features[1], arrays(whole)["features"][14:], atol=1e-5)


def test_labels_of_class_folders_are_named(model: str, tmp_path: Path) -> None:
    for number, name in enumerate(("1", "10", "2", "ü") * 3):
        path = tmp_path / "data" / name / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), PIXELS[number])
    run(app, ["features", model, str(tmp_path / "data"), "-o", str(tmp_path / "f.npz")])
    found = arrays(tmp_path / "f.npz")
    assert found["class_names"].tolist() == ["1", "10", "2", "ü"]
    named = [found["class_names"][label] for label in found["labels"]]
    assert named == [name.split("/")[0] for name in found["names"]]


def test_features_are_held_once(model: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", images=np.zeros((6000, 8, 8, 3), np.uint8))
    extractor = FeatureExtractor(load_network(Path(model))[0])  # type: ignore[arg-type] # an encoder
    tracemalloc.start()
    found = picture_features(extractor, tmp_path / "d.npz")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    pictures = 3 * 6000 * 8 * 8 * 3  # as they are in the file, packed, and in rows
    assert peak < 1.3 * found.features.nbytes + pictures


def test_a_models_discriminator_is_what_has_the_features(
    model: str, data: str, tmp_path: Path
) -> None:
    folder = tmp_path / "both"
    folder.mkdir()
    network = DcganGenerator(DcganGeneratorConfig(size=(8, 8), maps=(4, 3)))
    save_network(folder / "both.safetensors", "dcgan", network, NOWHERE, task="dcgan")
    beside = folder / "both.discriminator.safetensors"
    judge, _ = load_network(Path(model))
    save_network(beside, "dcgan-discriminator", judge, NOWHERE, task="dcgan", part="discriminator")
    found = []
    for name in (str(folder), str(folder / "both.safetensors"), str(beside), model):
        output = tmp_path / f"{len(found)}.npz"
        done = run(app, ["features", name, data, "-o", str(output)])
        assert done.exit_code == 0, done.output
        found.append(arrays(output)["features"])
    assert all(np.array_equal(features, found[-1]) for features in found)


def test_a_run_is_trained_exported_sampled_and_looked_through(data: str, tmp_path: Path) -> None:
    small = (
        'generator={network="dcgan", latent=4, maps=[4, 3]}',
        'discriminator={network="dcgan-discriminator", maps=[3, 4]}',
        "images.size=[8, 8]", "images.validation_share=0.3", "iterations=2",
        "batch_size=4", "device=cpu", "workers=0",
    )  # fmt: skip
    options = [option for setting in small for option in ("--set", setting)]
    done = run(app, ["train", "dcgan", data, "-o", str(tmp_path / "run"), *options])
    assert done.exit_code == 0, done.output
    model = tmp_path / "mine"
    done = run(app, ["export", str(tmp_path / "run"), "-o", str(model)])
    assert done.exit_code == 0, done.output
    files = {path.name for path in model.iterdir()}
    assert files == {"README.md", "mine.safetensors", "mine.discriminator.safetensors"}
    card = (model / "README.md").read_text()
    assert "(N, 3, 8, 8)" in card
    assert "whitened_frechet_distance" in card
    sheet = tmp_path / "sheet.png"
    done = run(app, ["sample", str(model), "-o", str(sheet), "-n", "4"])
    assert done.exit_code == 0, done.output
    assert cv2.imread(str(sheet)).std() > 0
    output = tmp_path / "features.npz"
    done = run(app, ["features", str(model), data, "-o", str(output)])
    assert done.exit_code == 0, done.output
    assert arrays(output)["features"].shape == (20, 112)


def test_pictures_of_a_folder_are_fitted_and_bad_ones_are_named(model: str, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, size in enumerate([(8, 8), (20, 12), (9, 30)]):
        picture = np.full((*size, 3), 40 * number, np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), picture)
    (folder / "broken.png").write_bytes((folder / "1.png").read_bytes()[:40])
    output = tmp_path / "features.npz"
    done = run(app, ["features", model, str(folder), "-o", str(output), "--json"])
    assert done.exit_code == 3, done.output
    assert "broken.png" in done.stderr
    (entry,) = json.loads(done.stdout)["results"]
    assert entry["truncated"] is True
    assert arrays(output)["features"].shape == (3, 112)


def test_what_cannot_be_done_is_one_line_and_leaves_no_file(
    model: str, data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "features.npz"
    generator = tmp_path / "generator.safetensors"
    network = DcganGenerator(DcganGeneratorConfig(size=(8, 8), maps=(4, 3)))
    save_network(generator, "dcgan", network, NOWHERE, task="dcgan")
    empty = tmp_path / "empty"
    empty.mkdir()
    for arguments, code, said in (
        (["nothing", data], 1, "no model 'nothing'"),
        ([str(generator), data], 1, "has no features: DcganGenerator"),
        ([model, str(empty)], 1, str(empty)),
        ([model, str(tmp_path / "missing")], 1, "does not exist"),
        ([model, data, "--statistics", str(empty)], 1, str(empty)),
        ([model, data, "--device", "tpu"], 2, "device=tpu"),
    ):
        assert exit_code_of(["features", *arguments, "-o", str(output)]) == code
        line = capsys.readouterr().err
        assert said in line
        assert line.count("\n") == 1
        assert not output.exists()
    output.write_text("mine")
    assert exit_code_of(["features", model, data, "-o", str(output)]) == 1
    assert "exists already" in capsys.readouterr().err
    assert output.read_text() == "mine"
    assert exit_code_of(["features", model, data, "-o", str(output), "--overwrite"]) == 0
    assert not list(tmp_path.glob("*.partial"))
