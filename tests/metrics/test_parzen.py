"""Parzen-window log-likelihood: closed forms, scikit-learn, and sums that do not underflow."""

import math

import numpy as np
import pytest
import torch
from sklearn.neighbors import KernelDensity

from predictor.metrics import SIGMAS, log_mean_exp, parzen_log_likelihood


@pytest.mark.parametrize(
    ("dimensions", "sigma", "expected"),
    [
        (784, 0.1, 1084.7789),
        (784, 0.2, 541.3515),
        (2304, 0.1, 3187.9217),
        (3072, 0.1, 4250.5623),
    ],
)
def test_single_centre_at_the_point(dimensions: int, sigma: float, expected: float) -> None:
    point = torch.rand(1, dimensions)
    (found,) = parzen_log_likelihood(point, point, [sigma])
    assert found.item() == pytest.approx(expected, abs=1e-3)


def test_pictures_are_flattened_and_widths_are_rows() -> None:
    torch.manual_seed(0)
    points, samples = torch.rand(300, 1, 4, 5), torch.rand(40, 1, 4, 5)
    found = parzen_log_likelihood(points, samples, [0.1, 0.3])
    assert found.shape == (2, 300)
    for row, sigma in zip(found, (0.1, 0.3), strict=True):
        density = KernelDensity(bandwidth=sigma).fit(samples.flatten(1).numpy())
        expected = density.score_samples(points.flatten(1).numpy())
        assert np.allclose(row.numpy(), expected, atol=1e-6)


def test_far_points_do_not_underflow() -> None:
    points, samples = torch.full((1, 784), 50.0), torch.zeros(3, 784)
    (found,) = parzen_log_likelihood(points, samples, [0.1])
    expected = -784 * 2500 / 0.02 - 784 * math.log(0.1 * math.sqrt(2 * math.pi))
    assert found.item() == pytest.approx(expected, rel=1e-9)


def test_common_offset_costs_no_digits() -> None:
    torch.manual_seed(0)
    points, samples = torch.rand(5, 20, dtype=torch.float64), torch.rand(7, 20, dtype=torch.float64)
    near = parzen_log_likelihood(points, samples, [0.1])
    far = parzen_log_likelihood(points + 1e5, samples + 1e5, [0.1])
    assert torch.allclose(near, far, atol=1e-4)


def test_log_mean_exp_is_stable() -> None:
    assert log_mean_exp(torch.tensor([-1e5, -1e5 + math.log(3)]).double()).item() == pytest.approx(
        -1e5 + math.log(2)
    )


def test_widths_are_those_of_the_official_script() -> None:
    assert np.allclose(SIGMAS, np.logspace(-1, 0, 10))
