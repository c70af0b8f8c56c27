"""L1 and L2 of a hole in percent."""

import pytest
import torch

from predictor.metrics import percent_error, psnr


def test_a_constant_error_of_a_tenth_is_ten_and_one_percent_and_twenty_decibels() -> None:
    target = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 0.8
    shifted = target + 0.1
    assert percent_error(shifted, target, (0, 1)).tolist() == pytest.approx([10, 10], rel=1e-5)
    assert percent_error(shifted, target, (0, 1), 2).tolist() == pytest.approx([1, 1], rel=1e-5)
    assert psnr(shifted, target, (0, 1)).tolist() == pytest.approx([20, 20], rel=1e-5)


def test_the_range_does_not_change_the_percentage() -> None:
    # forgetting it would report twice the L1 and four times the L2
    target = torch.zeros(1, 3, 4, 4)
    shifted = target + 0.2
    assert percent_error(shifted, target, (-1, 1)).item() == pytest.approx(10)
    assert percent_error(shifted, target, (-1, 1), 2).item() == pytest.approx(1)


def test_only_the_hole_counts() -> None:
    target = torch.zeros(1, 3, 4, 4)
    shifted, where = target.clone(), torch.zeros(1, 1, 4, 4)
    shifted[..., :2, :], where[..., :1, :] = 0.5, 1
    assert percent_error(shifted, target, (0, 1), where=where).item() == pytest.approx(50)
    assert percent_error(shifted, target, (0, 1)).item() == pytest.approx(25)
