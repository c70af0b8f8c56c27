"""How good the pictures of a generator are: likelihood, neighbours, coverage, repetition."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from predictor.analysis.feature_networks import FeatureNetwork
from predictor.analysis.likelihood import CHOOSING, sampled_likelihood
from predictor.analysis.network_scores import COMPARED, NetworkScores, network_scores
from predictor.analysis.pictures import MEASURED, as_images, spaced_rows
from predictor.data import open_images
from predictor.data.image_packing import Fit, fit_of_shape, packed_images
from predictor.data.image_parts import TRAIN, VALIDATION, ImageCollection
from predictor.errors import UnusableData
from predictor.image_sampler import ImageSampler
from predictor.metrics import (
    frechet_distance,
    nearest,
    nearest_class_error,
    precision_and_recall,
)

SHEET_SAMPLES, SHEET_NEIGHBOURS = 12, 5

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImageScores:
    """What was measured of a model on data; numbers that cannot be had are None."""

    part: str
    """``test``, else ``val``, else ``train``: the part whose pictures are measured."""
    test_images: int
    samples: int
    units: str
    """Of the pixels, for the likelihood: ``[0, 1]``, or the network's own."""
    parzen_nats: float
    """Mean log-likelihood of the test pictures under the samples' Parzen window."""
    parzen_standard_error_nats: float
    parzen_images: int
    """Those pictures: fewer than all where some of the part choose the width."""
    parzen_sigma: float
    """Width of the window."""
    width_part: str
    """Where the pictures that the width is chosen on are from: ``val``, or the part measured."""
    width_images: int
    frechet_pixels: float
    """Fréchet distance of raw pixels in [-1, 1]; not comparable with an FID."""
    precision_pixels: float
    """Share of samples near real pictures."""
    recall_pixels: float
    """Share of real pictures near samples."""
    one_nearest_neighbour_error_percent: float | None
    """Of test pictures classified by the nearest labelled sample."""
    nearest_sample_distance: float
    """Mean distance of a test picture to the nearest sample."""
    repeated_percent: float
    """Samples nearer to another sample than 99 % of real pictures are to another real one."""
    memory_ratio: float
    """Median distance of a sample to the nearest training picture, over that of a test picture:
    far below 1 the generator repeats what it was trained on."""


@dataclass(frozen=True)
class ImageEvaluation:
    """Scores, and pictures to look at."""

    scores: ImageScores
    in_networks: tuple[NetworkScores, ...]
    samples: Tensor
    """``(N, C, H, W)`` in [-1, 1]."""
    neighbours: Tensor
    """``(N, 1 + k, C, H, W)``: each of the first samples and its nearest training pictures."""
    skipped: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return what `json.dump` takes."""
        scores = {
            name: value
            for name, value in asdict(self.scores).items()
            if isinstance(value, float) and name != "parzen_sigma"
        }
        for found in self.in_networks:
            scores |= found.named()
        return {
            **asdict(self.scores),
            "in_networks": [asdict(found) for found in self.in_networks],
            "scores": scores,
            "skipped": list(self.skipped),
        }


@dataclass(frozen=True, eq=False)
class _Pictures:
    part: str
    images: Tensor
    labels: Tensor | None


def evaluated_images(
    sampler: ImageSampler,
    path: Path,
    samples: int = 10_000,
    seed: int = 0,
    networks: Sequence[FeatureNetwork] = (),
) -> ImageEvaluation:
    """Measure a generator on the pictures at `path`, resized and cropped as in its training.

    The part ``test`` is measured, else ``val``, else ``train``; ``train`` is also what the samples
    may have been copied from. The width of the Parzen window is chosen on at most a thousand
    pictures of ``val``; where there are none beside the part measured, on a tenth of that part, at
    most a thousand, which the likelihood leaves out. A model with classes needs labels. In the
    features of each of `networks` test pictures and samples are compared again. Raises
    `UnusableData`.
    """
    collection = open_images(path)
    if sampler.classes is not None:
        collection.require_labels(sampler.classes)
    drawn = sampler.sampled(samples, seed)
    drawn_labels = sampler.labels(range(samples))
    skipped: list[str] = []
    fit = fit_of_shape((drawn.shape[1], drawn.shape[2], drawn.shape[3]), sampler.short_side)
    train = _part(collection, TRAIN, fit, skipped)
    measured = next(name for name in MEASURED if name in collection.parts)
    test = train if measured == TRAIN else _part(collection, measured, fit, skipped)
    if VALIDATION in collection.parts and measured != VALIDATION:
        likely, choosing = test, _some(_part(collection, VALIDATION, fit, skipped), CHOOSING)
    else:
        likely, choosing = _without_a_tenth(path, test)
    _logger.info("%d samples against %d pictures", samples, len(test.images))
    likelihood = sampled_likelihood(sampler, drawn, seed, likely.images, choosing.images)
    some, real = drawn[:COMPARED], _some(test, COMPARED).images
    precision, recall = precision_and_recall(real, some)
    one_nn = None
    if test.labels is not None and drawn_labels is not None:
        one_nn = 100 * nearest_class_error(
            test.images, test.labels, drawn, torch.tensor(drawn_labels)
        )
    copies = nearest(drawn[:SHEET_SAMPLES], train.images, min(SHEET_NEIGHBOURS, len(train.images)))
    pairs = zip(drawn[:SHEET_SAMPLES], copies.rows, strict=True)
    scores = ImageScores(
        part=test.part,
        test_images=len(test.images),
        samples=samples,
        units=likelihood.units,
        parzen_nats=likelihood.nats,
        parzen_standard_error_nats=likelihood.standard_error_nats,
        parzen_images=len(likely.images),
        parzen_sigma=likelihood.sigma,
        width_part=choosing.part,
        width_images=len(choosing.images),
        frechet_pixels=frechet_distance(test.images, drawn),
        precision_pixels=precision,
        recall_pixels=recall,
        one_nearest_neighbour_error_percent=one_nn,
        nearest_sample_distance=float(nearest(test.images, drawn).distances.mean()),
        repeated_percent=100 * _repeated(some, real),
        memory_ratio=_memory_ratio(some, real, train.images, is_one_part=test is train),
    )
    return ImageEvaluation(
        scores=scores,
        in_networks=tuple(network_scores(each, test.images, drawn) for each in networks),
        samples=drawn[:100],
        neighbours=torch.stack([torch.cat((s[None], train.images[rows])) for s, rows in pairs]),
        skipped=(*collection.skipped, *skipped),
    )


def _part(collection: ImageCollection, name: str, fit: Fit, skipped: list[str]) -> _Pictures:
    packed, unread = packed_images(collection, name, fit)
    skipped += unread
    images = as_images(packed.pictures(range(len(packed)), fit.size))
    return _Pictures(
        name, images, None if packed.labels is None else torch.from_numpy(packed.labels)
    )


def _some(pictures: _Pictures, count: int) -> _Pictures:
    """Return at most `count` of the pictures, evenly spaced."""
    return _of_rows(pictures, torch.tensor(spaced_rows(len(pictures.images), count)))


def _of_rows(pictures: _Pictures, rows: Tensor) -> _Pictures:
    labels = None if pictures.labels is None else pictures.labels[rows]
    return _Pictures(pictures.part, pictures.images[rows], labels)


def _without_a_tenth(path: Path, pictures: _Pictures) -> tuple[_Pictures, _Pictures]:
    """Return the pictures but for a tenth of them, evenly spaced, and that tenth."""
    count = len(pictures.images)
    if count < 10:
        raise UnusableData(
            f"{path} has {count} pictures in its part {pictures.part}, expected 10 or more: a "
            "tenth chooses the width of the Parzen window"
        )
    is_chosen = torch.zeros(count, dtype=torch.bool)
    is_chosen[spaced_rows(count, min(CHOOSING, count // 10))] = True
    rest, chosen = (_of_rows(pictures, rows.nonzero()[:, 0]) for rows in (~is_chosen, is_chosen))
    return rest, chosen


def _repeated(samples: Tensor, real: Tensor) -> float:
    count = min(len(samples), len(real))  # neighbours come nearer the more there are
    real = real[spaced_rows(len(real), count)]
    usual = nearest(real, real, are_same=True).distances[:, 0]
    own = nearest(samples[:count], samples[:count], are_same=True).distances[:, 0]
    return float((own < usual.quantile(0.01)).double().mean())


def _memory_ratio(samples: Tensor, test: Tensor, train: Tensor, *, is_one_part: bool) -> float:
    usual = nearest(test, train, 2 if is_one_part else 1)  # the first would be the picture itself
    own = nearest(samples, train).distances[:, 0].median()
    return float(own / usual.distances[:, -1].median().clamp_min(1e-12))
