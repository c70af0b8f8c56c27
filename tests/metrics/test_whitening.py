"""Whitening: closed forms, directions without variance."""

import pytest
import torch

from predictor.errors import TensorContractError
from predictor.metrics import whitened


def test_the_reference_becomes_uncorrelated_with_deviations_of_one() -> None:
    random = torch.Generator().manual_seed(0)
    reference = torch.randn(400, 5, generator=random) @ torch.randn(5, 5, generator=random) + 3
    found = whitened(reference, reference, floor=0)
    assert found.mean(dim=0).abs().max() < 1e-5
    torch.testing.assert_close(torch.cov(found.T), torch.eye(5, dtype=torch.float64))


def test_a_shift_of_one_deviation_is_one_whatever_the_unit() -> None:
    reference = torch.tensor([[-1.0, -500.0], [1.0, -500.0], [-1.0, 500.0], [1.0, 500.0]])
    deviations = reference.std(dim=0)
    for column in range(2):
        shift = torch.zeros(1, 2)
        shift[0, column] = deviations[column]
        assert whitened(shift, reference, floor=0).norm() == pytest.approx(1)


def test_directions_of_little_variance_are_not_blown_up() -> None:
    random = torch.Generator().manual_seed(0)
    reference = torch.randn(200, 2, generator=random) * torch.tensor([1.0, 1e-6])
    found = whitened(reference, reference, floor=1e-3)
    assert found.std(dim=0).sort().values[0] < 1e-4
    assert whitened(torch.ones(3, 2), torch.ones(5, 2)).abs().max() == 0
    with pytest.raises(TensorContractError, match="1 rows have no covariance"):
        whitened(torch.ones(3, 2), torch.ones(1, 2))
