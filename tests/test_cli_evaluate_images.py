"""``predictor evaluate`` of models that generate pictures."""

import json
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch
from bright_rows import pictures, write_data
from released import NOWHERE, released
from typer.testing import CliRunner

from predictor.cli import app
from predictor.networks import NETWORKS
from predictor.networks.classifier import Classifier, ClassifierConfig
from predictor.weights import load_network, save_network

run = CliRunner().invoke


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "d.npz"
    write_data(path)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("models") / "plain.safetensors"
    return released(
        path, "dense-generator", "gan",
        shape=(1, 6, 6), latent=4, hidden=(8,), activations=("relu",),
    )  # fmt: skip


def evaluate(*arguments: Any) -> Any:
    return run(app, ["evaluate", *map(str, arguments)], env={"COLUMNS": "200"})


def test_document_table_and_report(model: str, data: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    done = evaluate(model, data, "--samples", 40, "--json", "-o", report)
    assert done.exit_code == 0, done.output
    (entry,) = json.loads(done.stdout)["results"]
    assert (entry["model"], entry["output"], entry["samples"]) == (model, str(report), 40)
    nats = f"{entry['parzen_nats']:.1f} ± {entry['parzen_standard_error_nats']:.1f} nats"
    page = report.read_text()
    assert nats in page
    assert (entry["truncated"], entry["skipped"]) == (False, [])
    has_repeats = entry["repeated_percent"] > 0
    assert page.count("data:image/png;base64,") == 2 + has_repeats
    assert page.count("<svg") == 3
    table = evaluate(model, data, "--samples", 40)
    assert nats in table.stdout
    assert "Parzen log-likelihood of 54 pictures of test, pixels in [0, 1]" in table.stdout
    assert "width of the window, chosen on 6 pictures of test" in table.stdout
    other = evaluate(model, data, "--samples", 40, "--seed", 1, "--json")
    assert json.loads(other.stdout)["results"][0]["parzen_nats"] != entry["parzen_nats"]
    assert (entry["seed"], json.loads(other.stdout)["results"][0]["seed"]) == (0, 1)


def test_pictures_that_cannot_be_read_are_said(model: str, tmp_path: Path) -> None:
    for number, picture in enumerate(pictures(12, 0)):
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    done = evaluate(model, tmp_path, "--samples", 12)
    assert done.exit_code == 0, done.output
    assert done.stderr.count("skipped: ") == 1
    assert "broken.png" in done.stderr
    done = evaluate(model, tmp_path, "--samples", 12, "--json")
    (entry,) = json.loads(done.stdout)["results"]
    assert (done.exit_code, entry["truncated"], len(entry["skipped"])) == (0, True, 1)


def test_brackets_in_a_path_are_shown(model: str, data: Path, tmp_path: Path) -> None:
    path = tmp_path / "[b]mine.safetensors"
    path.write_bytes(Path(model).read_bytes())
    printed = evaluate(path, data, "--samples", 40).stdout
    assert "[b]mine.safetensors on" in printed.replace("\n", "")  # a long path is wrapped


def test_a_convolutional_generator_is_measured_too(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "dcgan.safetensors"
    config, module = NETWORKS["dcgan"]
    network = module(config(size=(6, 6), channels=1, latent=4, maps=(4,)))
    save_network(path, "dcgan", network, NOWHERE, task="dcgan")
    done = evaluate(path, data, "--samples", 20, "--json")
    assert done.exit_code == 0, done.output
    (entry,) = json.loads(done.stdout)["results"]
    assert (entry["samples"], entry["test_images"]) == (20, 60)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("models") / "rows.safetensors"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = Classifier(ClassifierConfig((1, 6, 6), classes=3, maps=(3, 4)))
    save_network(path, "classifier", network, NOWHERE, task="classifier")
    return str(path)


def test_every_number_of_a_feature_network_has_its_name(
    model: str, classifier: str, data: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.html"
    arguments = (model, data, "--samples", 40, "--features", classifier)
    done = evaluate(*arguments, "--json", "-o", report)
    assert done.exit_code == 0, done.output
    (entry,) = json.loads(done.stdout)["results"]
    (found,) = entry["in_networks"]
    assert (found["network"], found["pictures"]) == ("classifier rows", 40)
    assert entry["scores"]["frechet_classifier_rows"] == found["frechet"]
    assert entry["scores"]["parzen_nats"] == entry["parzen_nats"]
    label = f"FD (classifier rows), 40 pictures</td><td>{found['frechet']:.2f}"
    assert label in report.read_text()
    assert "exp E KL of classes (classifier rows)" in evaluate(*arguments).stdout


def test_a_classifier_is_measured_on_the_part_test(model: str, classifier: str, data: Path) -> None:
    done = evaluate(classifier, data, "--json")
    assert done.exit_code == 0, done.output
    (entry,) = json.loads(done.stdout)["results"]
    network, _ = load_network(Path(classifier))
    images = torch.from_numpy(pictures(60, 1))[:, None] / 127.5 - 1
    with torch.no_grad():
        wrong_ones = network(images).logits.argmax(1) != torch.arange(60) % 3
    assert entry["scores"]["wrong"] == int(wrong_ones.sum())
    assert (entry["part"], entry["pictures"]) == ("test", 60)
    wrong = evaluate(classifier, data, "--features", classifier)
    assert wrong.exit_code == 2
    assert "--features does not apply to models of the system classifier" in wrong.output


def test_a_folder_without_labels_among_the_classes_is_no_class(
    classifier: str, tmp_path: Path
) -> None:
    for label, picture in zip((0, 1, 2, "more"), pictures(4, 3), strict=True):
        (tmp_path / f"d/{label}").mkdir(parents=True)
        cv2.imwrite(str(tmp_path / f"d/{label}/a.png"), picture)
    done = evaluate(classifier, tmp_path / "d", "--unlabelled", tmp_path / "d/more", "--json")
    assert done.exit_code == 0, done.output
    (entry,) = json.loads(done.stdout)["results"]
    assert entry["pictures"] == 3
    assert evaluate(classifier, tmp_path / "d").exit_code != 0
    (tmp_path / "d/test").mkdir()
    for folder, said in (("d", "does not lie in"), ("d/test", "is the part test"), ("x", "exist")):
        refused = evaluate(classifier, tmp_path / "d", "--unlabelled", tmp_path / folder)
        assert refused.exit_code == 2
        assert said in " ".join(refused.output.split())


def test_options_of_other_models_are_refused(model: str, data: Path) -> None:
    done = evaluate(model, data, "--horizon", 4)
    assert done.exit_code == 2
    assert "--horizon does not apply to models of the system gan" in done.output
