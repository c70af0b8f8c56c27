"""Losses of the hole and of the band around it, against loops in numpy and closed forms."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from predictor.errors import SettingsError, TensorContractError
from predictor.losses import (
    gradient_difference_loss,
    lp_loss,
    masked_gradient_difference_loss,
    masked_log_lp_loss,
    masked_lp_loss,
    overlap_weights,
)


def centre_mask(side: int, hole: int) -> Tensor:
    masks = torch.zeros(1, 1, side, side)
    edge = (side - hole) // 2
    masks[..., edge : edge + hole, edge : edge + hole] = 1
    return masks


def pair(seed: int = 0, size: tuple[int, int] = (9, 11)) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    both = torch.rand(2, 2, 3, *size, generator=generator) * 2 - 1
    return both[0], both[1]


def test_the_band_of_the_code_has_960_pixels_at_ten_times_the_weight() -> None:
    # 64 x 64 predicted of 128 x 128, the hole 4 pixels smaller on each side
    weights = overlap_weights(centre_mask(128, 56), 4)[0, 0, 32:96, 32:96]
    assert weights.numel() == 64**2
    assert (weights == 10).sum() == 64**2 - 56**2 == 960
    assert (weights == 1).sum() == 56**2
    assert weights[:4].eq(10).all()
    assert weights[4:60, 4:60].eq(1).all()


def test_pixels_beyond_the_band_do_not_count_unless_all_do() -> None:
    masks = centre_mask(32, 8)
    weights = overlap_weights(masks, 3, 5.0)
    assert weights.unique().tolist() == [0, 1, 5]
    assert (weights > 0).sum() == 14**2
    assert torch.equal(overlap_weights(masks, 0), masks)
    assert overlap_weights(masks, None).unique().tolist() == [1, 10]


@pytest.mark.parametrize("p", [1, 2])
def test_masked_lp_is_the_weighted_mean_of_the_released_code(p: int) -> None:
    prediction, target = pair()
    weights = torch.rand(2, 1, 9, 11, generator=torch.Generator().manual_seed(1))
    total, summed = 0.0, 0.0
    for n, c, y, x in np.ndindex(2, 3, 9, 11):
        error = abs(float(prediction[n, c, y, x] - target[n, c, y, x])) ** p
        total += float(weights[n, 0, y, x]) * error / (2 * 3 * 9 * 11)
        summed += float(weights[n, 0, y, x]) * error / 2
    assert masked_lp_loss(prediction, target, weights, p).item() == pytest.approx(total, rel=1e-5)
    found = masked_lp_loss(prediction, target, weights, p, "sum_per_example")
    assert found.item() == pytest.approx(summed, rel=1e-5)


def test_weights_of_one_change_nothing() -> None:
    prediction, target = pair()
    ones = torch.ones(2, 1, 9, 11)
    assert masked_lp_loss(prediction, target, ones, 2).item() == pytest.approx(
        lp_loss(prediction, target, 2).item()
    )
    assert masked_gradient_difference_loss(prediction, target, ones).item() == pytest.approx(
        gradient_difference_loss(prediction, target).item()
    )


def test_the_log_loss_asks_for_the_same_share_of_every_error() -> None:
    target = torch.zeros(2, 3, 8, 8)
    prediction = torch.full_like(target, 0.5)
    prediction[1] = 0.05
    weights = torch.zeros(2, 1, 8, 8)
    weights[0, :, :4], weights[1, :, 0, 0] = 1, 1
    prediction.requires_grad_()
    loss = masked_log_lp_loss(prediction, target, weights)
    floor = 3e-3**2
    expected = (math.log(0.25 + floor) + math.log(0.0025 + floor)) / 2
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    (slope,) = torch.autograd.grad(loss, prediction)
    # relative change of the error, summed over the hole: the same for the large and the small hole
    shares = (slope * prediction.detach()).flatten(1).sum(1)
    assert shares[0].item() == pytest.approx(shares[1].item(), rel=0.01)
    assert masked_log_lp_loss(prediction, target, torch.zeros(2, 1, 8, 8)) == 0


def test_the_gradient_of_a_band_pixel_is_ten_times_that_of_a_hole_pixel() -> None:
    target = torch.zeros(1, 3, 32, 32)
    prediction = torch.full_like(target, 0.1).requires_grad_()
    weights = overlap_weights(centre_mask(32, 8), 2)
    (slope,) = torch.autograd.grad(masked_lp_loss(prediction, target, weights), prediction)
    assert (slope[0, 0, 11, 16] / slope[0, 0, 16, 16]).item() == pytest.approx(10)
    assert slope[0, 0, 2, 2] == 0


def test_a_step_across_the_rim_counts_and_one_outside_does_not() -> None:
    target = torch.zeros(1, 3, 16, 16)
    weights = centre_mask(16, 4)  # rows and columns 6 to 9
    inside = target.clone()
    inside[..., 6:10, 6:10] = 1  # no step inside, one all around
    expected = 4 * 4 * 1.0 / (15 * 16)  # 4 up, 4 down, 4 left, 4 right
    assert masked_gradient_difference_loss(inside, target, weights).item() == pytest.approx(
        expected
    )
    outside = target.clone()
    outside[..., :, 13:] = 1
    assert masked_gradient_difference_loss(outside, target, weights) == 0


def test_what_does_not_fit_is_refused() -> None:
    prediction, target = pair()
    with pytest.raises(TensorContractError, match=r"weights are \(2, 3, 9, 11\)"):
        masked_lp_loss(prediction, target, torch.ones(2, 3, 9, 11))
    with pytest.raises(SettingsError, match="p is 3"):
        masked_lp_loss(prediction, target, torch.ones(2, 1, 9, 11), 3)
    with pytest.raises(SettingsError, match="overlap_px is -1"):
        overlap_weights(torch.ones(1, 1, 4, 4), -1)
