"""Matching activations of the same examples."""

import pytest
import torch

from predictor.errors import TensorContractError
from predictor.losses import paired_feature_loss


def test_it_is_the_mean_over_layers_of_the_mean_absolute_difference() -> None:
    ours = [torch.zeros(2, 4, 8, 8), torch.zeros(2, 6, 4, 4)]
    theirs = [torch.full((2, 4, 8, 8), 0.5), torch.full((2, 6, 4, 4), -1.5)]
    assert paired_feature_loss(ours, theirs).item() == pytest.approx((0.5 + 1.5) / 2)


def test_a_weighted_layer_is_averaged_over_its_weights() -> None:
    weights = torch.zeros(1, 1, 16, 16)
    weights[..., :4, :4] = 1  # one place of 4 x 4, a quarter of one of 2 x 2
    fine, coarse = torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 2, 2)
    fine[..., 0, 0], fine[..., 3, 3] = 2.0, 100.0
    coarse[..., 0, 0], coarse[..., 1, 1] = 1.0, 100.0
    real = [torch.zeros_like(fine), torch.zeros_like(coarse)]
    assert paired_feature_loss([fine, coarse], real, weights).item() == pytest.approx(1.5)


def test_only_the_generated_side_has_a_gradient() -> None:
    ours = torch.rand(1, 2, 3, 3, requires_grad=True)
    theirs = torch.rand(1, 2, 3, 3, requires_grad=True)
    paired_feature_loss([ours], [theirs]).backward()
    assert ours.grad is not None
    assert ours.grad.abs().sum().item() == pytest.approx(1)
    assert theirs.grad is None


def test_other_layers_are_refused() -> None:
    one = torch.zeros(1, 2, 3, 3)
    with pytest.raises(TensorContractError, match="1 generated layers and 2 real"):
        paired_feature_loss([one], [one, one])
    with pytest.raises(TensorContractError):
        paired_feature_loss([one], [torch.zeros(2, 2, 3, 3)])
