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
