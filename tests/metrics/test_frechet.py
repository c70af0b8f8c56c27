"""The Fréchet distance: closed forms, scipy's matrix root, degenerate features."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from predictor.errors import TensorContractError
from predictor.metrics import frechet_distance


def test_against_the_root_of_scipy() -> None:
    random = np.random.default_rng(0)
    first = random.normal(size=(300, 6)) @ random.normal(size=(6, 6))
    second = random.normal(size=(200, 6)) @ random.normal(size=(6, 6)) + 1
    difference = first.mean(0) - second.mean(0)
    one, other = np.cov(first.T), np.cov(second.T)
    expected = difference @ difference + np.trace(one + other - 2 * sqrtm(one @ other).real)
    found = frechet_distance(torch.from_numpy(first), torch.from_numpy(second))
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("real", "generated"), [(40, 25), (25, 40), (40, 90), (90, 40)])
def test_fewer_examples_than_features_against_the_root_of_scipy(real: int, generated: int) -> None:
    """Features of rank 6, rotated into 80 dimensions, have the distance of the six."""
    random = np.random.default_rng(0)
    first = random.normal(size=(real, 6)) @ random.normal(size=(6, 6))
    second = random.normal(size=(generated, 6)) @ random.normal(size=(6, 6)) + 1
    difference = first.mean(0) - second.mean(0)
    one, other = np.cov(first.T), np.cov(second.T)
    expected = difference @ difference + np.trace(one + other - 2 * sqrtm(one @ other).real)
    turned = np.linalg.qr(random.normal(size=(80, 80)))[0][:6]
    found = frechet_distance(torch.from_numpy(first @ turned), torch.from_numpy(second @ turned))
    assert found == pytest.approx(expected, rel=1e-8)


def test_full_covariances_of_fewer_examples_than_features() -> None:
    random = np.random.default_rng(1)
    first, second = random.normal(size=(12, 30)), 2 * random.normal(size=(17, 30))
    difference = first.mean(0) - second.mean(0)
    one, other = np.cov(first.T), np.cov(second.T)
    values, vectors = np.linalg.eigh(one)
    part = vectors[:, -11:] * values[-11:] ** 0.5  # the other eigenvalues are 0 but for rounding
    between = np.linalg.eigvalsh(part.T @ other @ part) ** 0.5
    expected = difference @ difference + np.trace(one + other) - 2 * between.sum()
    found = frechet_distance(torch.from_numpy(first), torch.from_numpy(second))
    assert found == pytest.approx(expected, rel=1e-8)


def test_pixels_of_large_pictures_need_no_square_of_their_number() -> None:
    """Their covariance would take 19 GB."""
    pictures = torch.rand(10, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    assert frechet_distance(pictures, pictures + 1) == pytest.approx(3 * 128 * 128, rel=1e-6)


def test_shift_and_scale() -> None:
    features = torch.randn(500, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(features, features + 3) == pytest.approx(4 * 9)
    centred = features - features.mean(0)
    trace = torch.cov(features.T).trace().item()
    assert frechet_distance(centred, 3 * centred) == pytest.approx(4 * trace)


def test_dependent_features_and_a_single_one() -> None:
    column = torch.randn(50, 1, generator=torch.Generator().manual_seed(0))
    twice = column.expand(-1, 3)
    assert frechet_distance(twice, twice + 1) == pytest.approx(3, abs=1e-6)
    assert frechet_distance(column, column + 2) == pytest.approx(4, abs=1e-6)
    with pytest.raises(TensorContractError, match="1 real and 50 generated"):
        frechet_distance(column[:1], column)
