"""The evaluation of generators: numbers that are known beforehand."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from bright_rows import pictures, write_data
from torch import Tensor

from predictor.analysis import image_evaluation
from predictor.analysis.image_evaluation import evaluated_images
from predictor.analysis.image_report import html_report, score_rows
from predictor.analysis.likelihood import best_window
from predictor.errors import UnusableData
from predictor.image_sampler import ImageSampler
from predictor.metrics import SIGMAS, parzen_log_likelihood
from predictor.networks.pixel_units import PixelUnits


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "d.npz"
    write_data(path)
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
