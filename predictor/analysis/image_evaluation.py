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
from predictor.data import open_images
from predictor.data.image_packing import Fit, fit_of_shape, packed_images
from predictor.data.image_parts import TEST, TRAIN, VALIDATION, ImageCollection
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

    test_images: int
    samples: int
    units: str
    """Of the pixels, for the likelihood: ``[0, 1]``, or the network's own."""
    parzen_nats: float
    """Mean log-likelihood of the test pictures under the samples' Parzen window."""
    parzen_standard_error_nats: float
    parzen_sigma: float
    """Chosen on other pictures."""
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


@dataclass(frozen=True)
class _Pictures:
    images: Tensor
    labels: Tensor | None

    def first(self, count: int) -> "_Pictures":
        labels = None if self.labels is None else self.labels[:count]
        return _Pictures(self.images[:count], labels)


def evaluated_images(
    sampler: ImageSampler,
    path: Path,
    samples: int = 10_000,
    seed: int = 0,
    networks: Sequence[FeatureNetwork] = (),
) -> ImageEvaluation:
    """Measure a generator on the pictures at `path`, resized and cropped as in its training.

    The part ``test`` is measured, under a Parzen window whose width is chosen on ``val`` or on the
    last thousand pictures of ``train``; ``train`` is what the samples may have been copied from.
    Data of one part are measured whole but for a tenth that chooses the width, and stand for the
    training pictures too. A model with classes needs labels. In the features of each of `networks`
    test pictures and samples are compared again. Raises `UnusableData`.
    """
    collection = open_images(path)
    if sampler.classes is not None:
        collection.require_labels(sampler.classes)
    drawn = sampler.sampled(samples, seed)
    drawn_labels = sampler.labels(range(samples))
    skipped: list[str] = []
    fit = fit_of_shape((drawn.shape[1], drawn.shape[2], drawn.shape[3]), sampler.short_side)
    train = _part(collection, TRAIN, fit, skipped)
    test, choosing = _test_and_choosing(collection, train, fit, skipped)
    _logger.info("%d samples against %d pictures", samples, len(test.images))
    likelihood = sampled_likelihood(sampler, drawn, seed, test.images, choosing.images)
    some, real = drawn[:COMPARED], test.images[:COMPARED]
    precision, recall = precision_and_recall(real, some)
    one_nn = None
    if test.labels is not None and drawn_labels is not None:
        one_nn = 100 * nearest_class_error(
            test.images, test.labels, drawn, torch.tensor(drawn_labels)
        )
    copies = nearest(drawn[:SHEET_SAMPLES], train.images, min(SHEET_NEIGHBOURS, len(train.images)))
    pairs = zip(drawn[:SHEET_SAMPLES], copies.rows, strict=True)
    scores = ImageScores(
        test_images=len(test.images),
        samples=samples,
        units=likelihood.units,
        parzen_nats=likelihood.nats,
        parzen_standard_error_nats=likelihood.standard_error_nats,
        parzen_sigma=likelihood.sigma,
        frechet_pixels=frechet_distance(test.images, drawn),
        precision_pixels=precision,
        recall_pixels=recall,
        one_nearest_neighbour_error_percent=one_nn,
        nearest_sample_distance=float(nearest(test.images, drawn).distances.mean()),
        repeated_percent=100 * _repeated(some, real),
        memory_ratio=_memory_ratio(some, real, train.images),
    )
    return ImageEvaluation(
        scores=scores,
        in_networks=tuple(network_scores(each, test.images, drawn) for each in networks),
        samples=drawn[:100],
        neighbours=torch.stack([torch.cat((s[None], train.images[rows])) for s, rows in pairs]),
        skipped=(*collection.skipped, *skipped),
    )


def _part(collection: ImageCollection, name: str, fit: Fit, skipped: list[str]) -> _Pictures:
    packed, missing = packed_images(collection, name, fit)
    skipped += missing
    pixels = torch.stack(
        [torch.from_numpy(packed.picture(row).copy()) for row in range(len(packed))]
    )
    images = pixels.permute(0, 3, 1, 2).float() * (2 / 255) - 1
    labels = None if packed.labels is None else torch.from_numpy(packed.labels)
    return _Pictures(images, labels)


def _test_and_choosing(
    collection: ImageCollection, train: _Pictures, fit: Fit, skipped: list[str]
) -> tuple[_Pictures, _Pictures]:
    """Return the pictures that are measured and those that choose the width."""
    if TEST in collection.parts:
        test = _part(collection, TEST, fit, skipped)
        if VALIDATION in collection.parts:
            return test, _part(collection, VALIDATION, fit, skipped).first(CHOOSING)
        return test, _Pictures(train.images[-CHOOSING:], None)
    if VALIDATION in collection.parts:
        train = _part(collection, VALIDATION, fit, skipped)
    tenth = max(1, min(CHOOSING, len(train.images) // 10))
    if len(train.images) < 10:
        raise UnusableData(
            f"{collection.path} has {len(train.images)} pictures, expected 10 or more"
        )
    labels = None if train.labels is None else train.labels[:-tenth]
    return _Pictures(train.images[:-tenth], labels), _Pictures(train.images[-tenth:], None)


def _repeated(samples: Tensor, real: Tensor) -> float:
    count = min(len(samples), len(real))  # neighbours come nearer the more there are
    usual = nearest(real[:count], real[:count], are_same=True).distances[:, 0]
    own = nearest(samples[:count], samples[:count], are_same=True).distances[:, 0]
    return float((own < usual.quantile(0.01)).double().mean())


def _memory_ratio(samples: Tensor, test: Tensor, train: Tensor) -> float:
    is_same = test.data_ptr() == train.data_ptr()  # one part stands for both
    usual = nearest(test, train, 2 if is_same else 1)  # the first would be the picture itself
    own = nearest(samples, train).distances[:, 0].median()
    return float(own / usual.distances[:, -1].median().clamp_min(1e-12))
