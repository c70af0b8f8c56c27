"""``predictor evaluate`` of models that generate pictures: numbers that are known beforehand."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from released import NOWHERE, released
from torch import Tensor
from typer.testing import CliRunner

from predictor.analysis import image_evaluation
from predictor.analysis.image_evaluation import evaluated_images
from predictor.analysis.image_report import html_report, score_rows
from predictor.analysis.likelihood import best_window
from predictor.cli import app
from predictor.errors import UnusableData
from predictor.image_sampler import ImageSampler
from predictor.metrics import SIGMAS, parzen_log_likelihood
from predictor.networks import NETWORKS
from predictor.networks.classifier import Classifier, ClassifierConfig
from predictor.networks.pixel_units import PixelUnits
from predictor.weights import load_network, save_network

run = CliRunner().invoke


def pictures(count: int, seed: int) -> np.ndarray:
    """Pictures of three classes: a bright row each, in noise."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 60, (count, 6, 6), np.uint8)
    images[np.arange(count), np.arange(count) % 3] += 150
    return images


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "d.npz"
    np.savez(
        path,
        x_train=pictures(120, 0),
        y_train=np.arange(120) % 3,
        x_test=pictures(60, 1),
        y_test=np.arange(60) % 3,
    )
    return path


class Shows(torch.nn.Module):
    """A generator that shows given pictures, one after the other."""

    latent_width, distribution = 1, "normal"

    def __init__(self, images: np.ndarray, classes: int | None = None) -> None:
        super().__init__()
        self.classes = classes
        self.units = PixelUnits("unit", (1, 6, 6))
        self.images = torch.from_numpy(images)[:, None] / 255
        self.next = 0

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        self.next += len(latents)
        return self.images[self.next - len(latents) : self.next]


def test_classes_are_matched_by_their_names(tmp_path: Path) -> None:
    """The model knows three, of which the data lack the middle one."""
    for number, picture in enumerate(pictures(90, 1)):
        if number % 3 != 1:
            folder = tmp_path / ("cat", "", "dog")[number % 3]
            folder.mkdir(exist_ok=True)
            cv2.imwrite(str(folder / f"{number}.png"), picture)
    shows = Shows(pictures(90, 2), classes=3)
    sampler = ImageSampler(shows, class_names=["cat", "cow", "dog"])
    scores = evaluated_images(sampler, tmp_path, samples=90).scores
    assert scores.one_nearest_neighbour_error_percent == 0


def test_a_generator_of_the_data_is_found_good(data: Path) -> None:
    fresh = pictures(90, 2)
    found = evaluated_images(ImageSampler(Shows(fresh, classes=3)), data, samples=90)
    scores = found.scores
    assert (scores.test_images, scores.samples, scores.units) == (60, 90, "[0, 1]")
    assert scores.one_nearest_neighbour_error_percent == 0
    assert scores.precision_pixels > 0.8
    assert scores.recall_pixels > 0.8
    assert 0.95 < scores.memory_ratio < 1.05
    assert scores.repeated_percent < 5
    assert scores.variance_share == pytest.approx(1, abs=0.1)
    test, samples = (torch.from_numpy(x).flatten(1) / 255 for x in (pictures(60, 1), fresh))
    is_held_out = torch.zeros(60, dtype=torch.bool)
    is_held_out[[0, 12, 24, 35, 47, 59]] = True
    width = best_window(test[is_held_out], samples)[1]
    values = parzen_log_likelihood(test[~is_held_out], samples, [width])[0]
    assert (scores.parzen_images, scores.width_images, scores.width_part) == (54, 6, "test")
    assert scores.parzen_sigma == width
    assert scores.parzen_nats == pytest.approx(values.mean().item(), abs=1e-3)
    error = values.std(correction=0).item() / 54**0.5
    assert scores.parzen_standard_error_nats == pytest.approx(error, rel=1e-4)


def test_unlabelled_pictures_measure_a_generator_with_classes_but_for_what_needs_labels(
    data: Path, tmp_path: Path
) -> None:
    fresh, path = pictures(90, 2), tmp_path / "unlabelled.npz"
    with np.load(data) as arrays:
        np.savez(path, x_train=arrays["x_train"], x_test=arrays["x_test"])
    found = evaluated_images(ImageSampler(Shows(fresh, classes=3)), path, samples=90)
    labelled = evaluated_images(ImageSampler(Shows(fresh, classes=3)), data, samples=90)
    assert found.scores == replace(labelled.scores, one_nearest_neighbour_error_percent=None)
    why = "the pictures have no labels"
    assert found.left_out == {"1-NN error on test pictures, samples as examples": why}
    assert labelled.left_out == {}
    assert found.curves.class_errors_percent is None


def test_classes_that_a_generator_does_not_know_are_said_without_a_setting(data: Path) -> None:
    sampler = ImageSampler(Shows(pictures(90, 2), classes=2))
    with pytest.raises(UnusableData, match="leave out the pictures of classes") as caught:
        evaluated_images(sampler, data, samples=90)
    assert "--set" not in str(caught.value)


def test_training_pictures_do_not_choose_the_width(tmp_path: Path) -> None:
    """Samples that repeat them would make the window narrow."""
    random, path = np.random.default_rng(0), tmp_path / "d.npz"
    copies, test = (random.integers(0, 256, (count, 6, 6), np.uint8) for count in (120, 60))
    np.savez(path, x_train=copies, x_test=test)
    found = evaluated_images(ImageSampler(Shows(copies)), path, samples=120).scores
    samples, others = (torch.from_numpy(x).flatten(1) / 255 for x in (copies, test))
    assert best_window(samples, samples)[1] == 0.1
    assert found.parzen_sigma == best_window(others[[0, 12, 24, 35, 47, 59]], samples)[1] > 0.2


def test_a_part_for_validation_chooses_the_width_and_nothing_is_left_out(tmp_path: Path) -> None:
    path, fresh = tmp_path / "d.npz", pictures(90, 2)
    parts = {"x_train": pictures(40, 0), "x_val": 255 - pictures(30, 3), "x_test": pictures(60, 1)}
    np.savez(path, **parts)
    found = evaluated_images(ImageSampler(Shows(fresh)), path, samples=90).scores
    val, samples = (torch.from_numpy(x).flatten(1) / 255 for x in (parts["x_val"], fresh))
    assert found.parzen_sigma == best_window(val, samples)[1]
    assert (found.part, found.parzen_images, found.test_images) == ("test", 60, 60)
    assert (found.width_part, found.width_images) == ("val", 30)
    del parts["x_test"]  # what validates is measured then, and a tenth of it chooses
    np.savez(path, **parts)
    found = evaluated_images(ImageSampler(Shows(fresh)), path, samples=90).scores
    assert (found.part, found.parzen_images, found.test_images) == ("val", 27, 30)
    assert (found.width_part, found.width_images) == ("val", 3)


def test_pictures_that_lie_class_by_class_are_compared_of_all_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_evaluation, "COMPARED", 30)
    path, test = tmp_path / "d.npz", pictures(90, 1)
    np.savez(path, x_train=pictures(90, 0), x_test=np.concatenate([test[k::3] for k in range(3)]))
    found = evaluated_images(ImageSampler(Shows(pictures(90, 2))), path, samples=90).scores
    assert found.precision_pixels > 0.8


def test_pale_samples_are_no_repeats(data: Path) -> None:
    fresh = pictures(90, 2)
    pale = (fresh.mean() + (fresh - fresh.mean()) / 4).astype(np.uint8)
    found = evaluated_images(ImageSampler(Shows(pale)), data, 90).scores
    assert found.variance_share == pytest.approx(1 / 16, rel=0.1)
    assert found.repeated_percent < 15
    alike = evaluated_images(ImageSampler(Shows(fresh[:1].repeat(90, axis=0))), data, 90).scores
    assert alike.repeated_percent == 100
    assert alike.variance_share == pytest.approx(0, abs=1e-9)


def test_copies_repeats_and_wrong_classes_are_seen(data: Path) -> None:
    copies = evaluated_images(ImageSampler(Shows(pictures(120, 0)[:90], 3)), data, 90)
    assert copies.scores.memory_ratio < 0.01
    assert torch.allclose(copies.neighbours[:, 0], copies.neighbours[:, 1], atol=1e-5)
    repeats = evaluated_images(ImageSampler(Shows(pictures(3, 2).repeat(30, axis=0))), data, 90)
    assert repeats.scores.repeated_percent == 100
    assert repeats.scores.recall_pixels < 0.1
    assert repeats.scores.one_nearest_neighbour_error_percent is None
    wrong = evaluated_images(ImageSampler(Shows(np.roll(pictures(90, 2), 1, axis=1), 3)), data, 90)
    assert wrong.scores.one_nearest_neighbour_error_percent > 95


def test_a_page_has_curves_of_what_was_measured_and_pairs_of_repeats(data: Path) -> None:
    """Twelve pictures ten times each, those of the class 0 look like another."""
    few = np.tile(np.concatenate((pictures(9, 2), pictures(3, 5))), (10, 1, 1))
    few[::3] = np.roll(few[::3], 1, axis=1)
    found = evaluated_images(ImageSampler(Shows(few, 3)), data, 120)
    curves, scores = found.curves, found.scores
    assert curves.nats_of_widths.index(max(curves.nats_of_widths)) == SIGMAS.index(
        scores.parzen_sigma
    )
    assert curves.class_errors_percent is not None
    assert list(curves.class_errors_percent) == ["0", "1", "2"]
    assert curves.class_errors_percent["0"] > 50
    assert curves.class_errors_percent["2"] == 0
    mean = sum(curves.class_errors_percent.values()) / 3
    assert mean == pytest.approx(scores.one_nearest_neighbour_error_percent)
    samples, real = curves.to_each_other
    assert samples.max() == pytest.approx(0, abs=1e-3)
    test = torch.from_numpy(pictures(60, 1)).flatten(1).double()
    distances = torch.cdist(test, test).fill_diagonal_(torch.inf).min(dim=1).values / 6
    assert torch.allclose(real, distances, atol=1e-3)
    assert curves.to_training is not None
    assert torch.median(curves.to_training[0]) / torch.median(curves.to_training[1]) == (
        pytest.approx(scores.memory_ratio)
    )
    assert found.repeating.shape == (16, 2, 1, 6, 6)
    assert torch.allclose(found.repeating[:, 0], found.repeating[:, 1], atol=1e-5)
    html = html_report("m", "d", found, score_rows(found))
    titles = (
        "Parzen log-likelihood by width of the window, nats",
        "To the nearest other one, % of pictures",
        "To the nearest training picture, % of pictures",
        "1-NN error by class, %",
    )
    for title in titles:
        assert f'aria-label="{title}"' in html
    assert html.count("<h2>Samples that repeat another</h2>") == 1
    fresh = evaluated_images(ImageSampler(Shows(pictures(90, 3)[::-1].copy())), data, 50)
    assert fresh.curves.class_errors_percent is None
    page = html_report("m", "d", replace(fresh, repeating=fresh.repeating[:0]), score_rows(fresh))
    assert "<h2>Samples that repeat another</h2>" not in page
    assert "1-NN error by class" not in page


def test_pictures_that_were_trained_on_tell_nothing_of_memory(tmp_path: Path) -> None:
    path, same = tmp_path / "d.npz", pictures(60, 0)
    np.savez(path, x_train=same, x_test=same[::-1])
    found = evaluated_images(ImageSampler(Shows(pictures(50, 2))), path, samples=50)
    assert found.scores.memory_ratio is None
    assert "nearness to training pictures" not in dict(score_rows(found))


def test_of_data_of_one_part_a_tenth_chooses_the_width(tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    np.savez(path, images=pictures(100, 0))
    found = evaluated_images(ImageSampler(Shows(pictures(50, 2))), path, samples=50)
    scores = found.scores
    assert (scores.part, scores.test_images, scores.parzen_images) == ("train", 100, 90)
    assert (scores.width_part, scores.width_images) == ("train", 10)
    assert 0.95 < found.scores.memory_ratio < 1.05
    np.savez(path, images=pictures(9, 0))
    with pytest.raises(UnusableData, match="has 9 pictures in its part train, expected 10"):
        evaluated_images(ImageSampler(Shows(pictures(50, 2))), path, samples=50)


def test_few_pictures_are_refused_also_beside_those_that_choose_the_width(tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    np.savez(path, x_train=pictures(40, 0), x_val=pictures(30, 3), x_test=pictures(2, 1))
    with pytest.raises(UnusableData, match="has 2 pictures in its part test, expected 10"):
        evaluated_images(ImageSampler(Shows(pictures(50, 2))), path, samples=50)


def test_data_for_testing_alone_are_measured_but_for_what_needs_training_data(
    tmp_path: Path,
) -> None:
    path, fresh, test = tmp_path / "d.npz", pictures(50, 2), pictures(40, 1)
    np.savez(path, x_train=pictures(60, 0), x_test=test)
    expected = evaluated_images(ImageSampler(Shows(fresh)), path, samples=50).scores
    np.savez(path, x_test=test)
    found = evaluated_images(ImageSampler(Shows(fresh)), path, samples=50)
    assert found.scores == replace(expected, memory_ratio=None)
    assert found.neighbours is None
    assert "training pictures" not in html_report("m", "d", found, score_rows(found))


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
