"""How good the pictures of a generator are: likelihood, neighbours, coverage, repetition."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from predictor.analysis.class_names import labels_of_model
from predictor.analysis.feature_networks import FeatureNetwork
from predictor.analysis.image_curves import ImageCurves, grey_levels
from predictor.analysis.likelihood import Likelihood, sampled_likelihood
from predictor.analysis.measured_parts import MeasuredParts, measured_parts
from predictor.analysis.multiscale_likelihood import DETAILS, multiscale_likelihood
from predictor.analysis.network_scores import COMPARED, NetworkScores, network_scores
from predictor.analysis.pictures import Pictures, some_of
from predictor.analysis.repeats import Repeats, deviation, repeats
from predictor.data import open_images
from predictor.data.image_packing import fit_of_shape
from predictor.data.image_parts import ImageCollection
from predictor.image_sampler import ImageSampler
from predictor.metrics import (
    frechet_distance,
    nearest,
    precision_and_recall,
)
from predictor.networks.laplacian import LaplacianGenerator

PYRAMIDS_TESTED, PYRAMIDS_CHOOSING = 100, 20
"""Pictures whose likelihood is measured by levels: `DETAILS` samples are drawn for each."""

ONE_NEAREST_NEIGHBOUR = "1-NN error on test pictures, samples as examples"
BY_LEVELS = "likelihood summed over the levels"
_UNLABELLED = "the pictures have no labels"

SHEET_SAMPLES, SHEET_NEIGHBOURS, SHEET_PAIRS = 12, 5, 16

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
    multiscale_parzen_nats: float | None
    """Of a pyramid the sum over its levels, for `multiscale_images` of the pictures; see
    `multiscale_likelihood`."""
    multiscale_parzen_standard_error_nats: float | None
    multiscale_images: int | None
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
    variance_share: float
    """Variance of the samples' pixels over that of test pictures: near 0 all samples look alike."""
    repeated_percent: float
    """Samples that are nearer to another one than 99 % of real pictures are, in contrast made
    equal, or that hardly differ from it: see `repeats`."""
    memory_ratio: float | None
    """Median distance of a sample to the nearest training picture, over that of a test picture to
    another one: far below 1 the generator repeats what it was trained on. None for data without
    training pictures, and where the test pictures are copies of them."""


@dataclass(frozen=True)
class ImageEvaluation:
    """Scores, and pictures to look at."""

    scores: ImageScores
    in_networks: tuple[NetworkScores, ...]
    samples: Tensor
    """``(N, C, H, W)`` in [-1, 1]."""
    neighbours: Tensor | None
    """``(N, 1 + k, C, H, W)``: each of the first samples and its nearest training pictures."""
    skipped: tuple[str, ...]
    left_out: Mapping[str, str]
    """What the pictures do not allow to measure, and why."""
    curves: ImageCurves
    repeating: Tensor
    """``(N, 2, C, H, W)``: samples that repeat another, and those, the most alike first."""

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
            "truncated": bool(self.skipped),
            "skipped": list(self.skipped),
            "left_out": dict(self.left_out),
        }


def evaluated_images(
    sampler: ImageSampler,
    path: Path,
    samples: int = 10_000,
    seed: int = 0,
    networks: Sequence[FeatureNetwork] = (),
    *,
    is_blurred: bool | None = None,
) -> ImageEvaluation:
    """Measure a generator on the pictures at `path`, resized and cropped as in its training.

    The part ``test`` is measured, else ``val``, else ``train``; ``train``, if there, is also what
    the samples may have been copied from. See `measured_parts` for how the width of the Parzen
    window is chosen. Of a pyramid the likelihood by levels is measured too, if `is_blurred` says
    how its pictures are halved (see `has_blurred_pyramid`). Of pictures without any labels, scores
    of a model with classes that need them are left out; classes are matched by name. In the
    features of each of `networks` test pictures and samples are compared again. Raises
    `UnusableData`, also for fewer than `FEWEST_PICTURES` in the part measured.
    """
    collection = open_images(path)
    left_out = _left_out(collection, sampler)
    labels = sampler.labels(range(samples))
    values = sampler.values(sampler.latents(seed, range(samples)), labels)
    drawn = sampler.decoded(values)
    shape = (drawn.shape[1], drawn.shape[2], drawn.shape[3])
    real = measured_parts(collection, fit_of_shape(shape, sampler.short_side))
    _logger.info("%d samples against %d pictures", samples, len(real.test))
    likelihood = sampled_likelihood(sampler, values, real.likely.images(), real.choosing.images())
    test_images = real.test.images()
    some, some_real = drawn[:COMPARED], some_of(real.test, COMPARED).images()
    precision, recall = precision_and_recall(some_real, some)
    to_samples = nearest(test_images, drawn)
    errors = None
    if real.test.labels is not None and labels is not None:
        own = _own_labels(collection, real.test, sampler)
        errors = own, torch.tensor(labels)[to_samples.rows[:, 0]] != own
    to_training, neighbours = _beside_training(real, drawn, some_real, test_images)
    found = repeats(some, some_real)
    by_levels = None
    if isinstance(sampler.network, LaplacianGenerator) and is_blurred is not None:
        if ONE_NEAREST_NEIGHBOUR in left_out:
            left_out[BY_LEVELS] = _UNLABELLED
        else:
            by_levels = _by_levels(sampler, real, seed, is_blurred)
    scores = ImageScores(
        part=real.part,
        test_images=len(real.test),
        samples=samples,
        units=likelihood.units,
        parzen_nats=likelihood.nats,
        parzen_standard_error_nats=likelihood.standard_error_nats,
        parzen_images=len(real.likely),
        parzen_sigma=likelihood.sigma,
        width_part=real.width_part,
        width_images=len(real.choosing),
        multiscale_parzen_nats=None if by_levels is None else by_levels.nats,
        multiscale_parzen_standard_error_nats=(
            None if by_levels is None else by_levels.standard_error_nats
        ),
        multiscale_images=None if by_levels is None else min(len(real.likely), PYRAMIDS_TESTED),
        frechet_pixels=frechet_distance(test_images, drawn),
        precision_pixels=precision,
        recall_pixels=recall,
        one_nearest_neighbour_error_percent=None if errors is None else _percent(errors[1]),
        nearest_sample_distance=float(to_samples.distances.mean()),
        variance_share=(deviation(some) / deviation(some_real)) ** 2,
        repeated_percent=100 * found.share,
        memory_ratio=None if to_training is None else _memory_ratio(*to_training),
    )
    return ImageEvaluation(
        scores=scores,
        in_networks=tuple(network_scores(each, test_images, drawn) for each in networks),
        samples=drawn[:100],
        neighbours=neighbours,
        skipped=real.skipped,
        left_out=left_out,
        curves=ImageCurves(
            likelihood.nats_of_widths,
            likelihood.units,
            _in_grey_levels((found.distances, found.usual), drawn),
            None if to_training is None else _in_grey_levels(to_training, drawn),
            None if errors is None else _class_errors(*errors, sampler.class_names),
        ),
        repeating=_pairs_of(some, found),
    )


def _left_out(collection: ImageCollection, sampler: ImageSampler) -> dict[str, str]:
    """Return what cannot be measured without labels; raises `UnusableData` for unknown ones."""
    if sampler.classes is None:
        return {}
    if all(part.labels is None for part in collection.parts.values()):
        return {ONE_NEAREST_NEIGHBOUR: _UNLABELLED}
    remedy = "leave out the pictures of classes that the model does not know"
    collection.require_labels(sampler.classes, remedy=remedy)
    return {}


def _percent(wrong: Tensor) -> float:
    return 100 * float(wrong.double().mean())


def _class_errors(own: Tensor, wrong: Tensor, names: Sequence[str]) -> dict[str, float]:
    """Return how many percent of the pictures of each class are taken for another one."""
    return {names[label]: _percent(wrong[own == label]) for label in sorted(set(own.tolist()))}


def _pairs_of(samples: Tensor, found: Repeats) -> Tensor:
    """Return those that repeat another with it ``(N, 2, C, H, W)``, the most alike first."""
    if not found.is_repeat.any():
        return samples.new_empty(0, 2, *samples.shape[1:])
    return torch.stack([samples[list(pair)] for pair in found.pairs(SHEET_PAIRS)])


def _by_levels(
    sampler: ImageSampler, real: MeasuredParts, seed: int, is_blurred: bool
) -> Likelihood:
    test = some_of(real.likely, PYRAMIDS_TESTED)
    chosen = some_of(real.choosing, PYRAMIDS_CHOOSING)
    _logger.info("%d samples of detail for each of %d pictures", DETAILS, len(test) + len(chosen))
    labels = None
    if sampler.classes is not None:
        labels = (
            _own_labels(real.collection, chosen, sampler),
            _own_labels(real.collection, test, sampler),
        )
    return multiscale_likelihood(
        sampler.network,
        test.images(),
        chosen.images(),
        labels=labels,
        seed=seed,
        is_blurred=is_blurred,
    )


def _own_labels(collection: ImageCollection, pictures: Pictures, sampler: ImageSampler) -> Tensor:
    """Return the labels ``(N,)`` that the model has for labelled pictures."""
    assert pictures.labels is not None
    names = collection.class_names
    if not sampler.has_names and not set(names or ()) <= set(sampler.class_names):
        names = None  # the model knows numbers only
    own = labels_of_model(collection.path, pictures.labels, names, sampler.class_names)
    return torch.from_numpy(own)


def _in_grey_levels(sides: tuple[Tensor, Tensor], images: Tensor) -> tuple[Tensor, Tensor]:
    first, second = (grey_levels(distances, images[0].numel()) for distances in sides)
    return first, second


def _beside_training(
    real: MeasuredParts, samples: Tensor, some_real: Tensor, test: Tensor
) -> tuple[tuple[Tensor, Tensor] | None, Tensor | None]:
    """Return how far samples and `some_real` are from training pictures, and the nearest of these.

    The first is `_distances_to_training`, the second `ImageEvaluation.neighbours`; both are None if
    there are no training pictures. `test` are all pictures measured.
    """
    if real.train is None:
        return None, None
    is_one_part = real.train is real.test
    train = test if is_one_part else real.train.images()
    distances = _distances_to_training(
        samples[:COMPARED], some_real, train, is_one_part=is_one_part
    )
    return distances, _with_neighbours(samples[:SHEET_SAMPLES], train)


def _with_neighbours(samples: Tensor, train: Tensor) -> Tensor:
    found = nearest(samples, train, min(SHEET_NEIGHBOURS, len(train)))
    pairs = zip(samples, found.rows, strict=True)
    return torch.stack([torch.cat((sample[None], train[rows])) for sample, rows in pairs])


def _distances_to_training(
    samples: Tensor, test: Tensor, train: Tensor, *, is_one_part: bool
) -> tuple[Tensor, Tensor]:
    """Return how far samples and test pictures are from the nearest training picture."""
    usual = nearest(test, train, 2 if is_one_part else 1)  # the first would be the picture itself
    return nearest(samples, train).distances[:, 0], usual.distances[:, -1]


def _memory_ratio(own: Tensor, usual: Tensor) -> float | None:
    between = usual.median()
    # One pixel that differs is 2/255 or more; what is less are roundings of equal pictures.
    return float(own.median() / between) if between > 1e-3 else None
