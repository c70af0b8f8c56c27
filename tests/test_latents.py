"""Latents: their distributions, the latents of numbered pictures, interpolation."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from predictor.latents import (
    Distribution,
    drawn_latents,
    linear_interpolation,
    picture_latents,
    spherical_interpolation,
)


@pytest.mark.parametrize(
    ("distribution", "variance", "largest"),
    [("uniform", 1 / 3, 1.0), ("unit_uniform", 1.0, math.sqrt(3)), ("normal", 1.0, math.inf)],
)
def test_distribution(distribution: Distribution, variance: float, largest: float) -> None:
    drawn = drawn_latents(distribution, (200, 500), generator=torch.Generator().manual_seed(0))
    assert abs(drawn.mean().item()) < 4 * math.sqrt(variance / 1e5)
    assert drawn.var().item() == pytest.approx(variance, rel=0.03)
    assert drawn.abs().max().item() <= largest
    if distribution == "normal":
        assert drawn.abs().max().item() > 3.5
    else:
        assert drawn.abs().max().item() > 0.999 * largest


def test_positive_latents_are_from_0_to_1() -> None:
    """Salimans et al. 2016, code: theano_rng.uniform, whose ends are 0 and 1."""
    drawn = drawn_latents(
        "positive_uniform", (200, 500), generator=torch.Generator().manual_seed(0)
    )
    assert 0 <= drawn.min().item() < 0.001 < 0.999 < drawn.max().item() <= 1
    assert drawn.mean().item() == pytest.approx(0.5, abs=0.004)
    assert drawn.var().item() == pytest.approx(1 / 12, rel=0.03)


def test_without_a_generator_the_global_state_is_drawn_from() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3, 2)
    torch.manual_seed(5)
    assert torch.equal(drawn_latents("uniform", (3, 2)), 2 * expected - 1)


def test_a_picture_is_the_same_in_any_batch() -> None:
    all_of_them = picture_latents("normal", (6,), 3, range(10))
    assert torch.equal(picture_latents("normal", (6,), 3, [7]), all_of_them[7:8])
    assert torch.equal(picture_latents("normal", (6,), 3, [9, 2]), all_of_them[[9, 2]])
    assert not torch.equal(picture_latents("normal", (6,), 4, [7]), all_of_them[7:8])
    assert len({tuple(row.tolist()) for row in all_of_them}) == 10
    assert picture_latents("normal", (2, 3), 0, []).shape == (0, 2, 3)


@pytest.mark.parametrize("way", [linear_interpolation, spherical_interpolation])
def test_ends_are_exact(way: Callable[[Tensor, Tensor, int], Tensor]) -> None:
    start, end = picture_latents("normal", (50,), 0, range(2))
    points = way(start, end, 7)
    assert torch.equal(points[0], start)
    assert torch.equal(points[-1], end)
    assert torch.equal(way(start, end, 1), start[None])


def test_linear_steps_are_even() -> None:
    start, end = picture_latents("uniform", (4, 3), 0, range(2))
    steps = linear_interpolation(start, end, 5).diff(dim=0)
    assert torch.allclose(steps, ((end - start) / 4).expand_as(steps), atol=1e-6)


def test_spherical_steps_have_equal_angles_and_keep_the_length() -> None:
    start, end = functional.normalize(picture_latents("normal", (50,), 0, range(2)), dim=1)
    points = spherical_interpolation(start, end, 9)
    assert torch.allclose(points.norm(dim=1), torch.ones(9), atol=1e-6)
    angles = torch.acos((points[1:] * points[:-1]).sum(1))
    assert torch.allclose(angles, torch.acos((start * end).sum()).expand(8) / 8, atol=1e-4)


def test_parallel_and_opposite_vectors_are_interpolated_linearly() -> None:
    start = torch.tensor([1.0, 2.0, 3.0])
    for end in (2 * start, -start, start.clone()):
        points = spherical_interpolation(start, end, 3)
        assert torch.allclose(points, linear_interpolation(start, end, 3))
        assert points.isfinite().all()
