"""Samples that repeat each other: what counts as a repeat, and what does not."""

import pytest
import torch
from torch import Tensor

from predictor.analysis.repeats import ALIKE_LEVELS, repeats

LEVEL = 1 / 127.5


def noise(count: int, seed: int, deviation: float = 0.4) -> Tensor:
    """Pictures of independent pixels."""
    generator = torch.Generator().manual_seed(seed)
    return deviation * torch.randn(count, 1, 6, 6, generator=generator)


def test_each_sample_has_its_nearest_and_repeats_are_those_of_few_real_pictures() -> None:
    samples = noise(90, 1)
    samples = torch.cat((samples, samples[:10]))
    found = repeats(samples, noise(100, 0))
    assert found.nearest[:10].tolist() == list(range(90, 100))
    assert found.nearest[90:].tolist() == list(range(10))
    assert found.distances[:10].max() < 1e-6 < found.distances[10:90].min()
    assert found.is_repeat[:10].all()
    assert found.is_repeat[90:].all()
    limit = found.usual.quantile(0.01) * samples.std(dim=0).square().mean().sqrt() / 0.4
    others = found.distances[10:90]
    assert found.is_repeat[10:90].sum() == pytest.approx((others < limit).sum(), abs=1)
    assert found.share < 0.25


def test_pairs_of_repeats_are_named_once_the_most_alike_first() -> None:
    one, other, third = noise(3, 1).split(1)
    samples = torch.cat((one, other, third, other + LEVEL, one + 2 * LEVEL, one + 2.5 * LEVEL))
    found = repeats(samples, noise(6, 0))
    assert found.pairs(9) == [(4, 5), (1, 3), (0, 4)]
    assert found.pairs(1) == [(4, 5)]
    assert repeats(noise(9, 1)[:2], noise(2, 0)).is_repeat.shape == (2,)


def test_samples_that_are_all_alike_are_repeats_however_little_they_differ() -> None:
    """By the deviation of such samples alone none of them would be nearer than usual."""
    for levels in (0.0, 0.01, 1.0):
        alike = 0.3 + noise(100, 1, levels * LEVEL)
        assert repeats(alike, noise(100, 0)).share == 1


def test_pale_samples_are_no_repeats() -> None:
    for share in (1, 1 / 4, 1 / 8):
        assert repeats(noise(100, 1) * share, noise(100, 0)).share < 0.1


def test_alike_is_measured_over_the_pixels_of_a_picture_of_any_size() -> None:
    for side in (4, 64):
        one = torch.zeros(1, 3, side, side)
        same = one.expand(2, -1, -1, -1)  # of real pictures, so that only this rule counts any
        for levels, share in ((ALIKE_LEVELS - 0.1, 1.0), (ALIKE_LEVELS + 0.1, 0.0)):
            assert repeats(torch.cat((one, one + levels * LEVEL)), same).share == share


def test_as_many_are_compared_of_each_set() -> None:
    found = repeats(noise(30, 1), noise(100, 0))
    assert (len(found.distances), len(found.usual)) == (30, 30)
    assert (len(repeats(noise(100, 1), noise(30, 0)).distances)) == 30
