"""Matching activations: of the same examples, and the means of some and others."""

import pytest
import torch

from predictor.errors import SettingsError, TensorContractError
from predictor.losses import Reduction, feature_matching_loss, paired_feature_loss


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


@pytest.mark.parametrize(
    ("p", "reduction", "expected"),
    [
        (2, "mean", (1 + 4 + 0) / 3),
        (2, "sum_per_example", 5.0),
        (1, "mean", 1.0),
        (1, "sum_per_example", 3.0),
    ],
)
def test_mean_features_are_compared(p: int, reduction: Reduction, expected: float) -> None:
    generated = torch.tensor([[0.0, 0.0, 7.0], [2.0, 4.0, 3.0]])  # mean 1, 2, 5
    real = torch.tensor([[2.0, 0.0, 5.0]])  # as many features, not as many examples
    found = feature_matching_loss(generated, real, p, reduction)
    assert found.item() == pytest.approx(expected)
    assert feature_matching_loss(real.flip(0), real, p, reduction).item() == 0


def test_matching_moves_the_mean_and_only_the_generated_side() -> None:
    generated = torch.zeros(4, 2, requires_grad=True)
    real = torch.tensor([[1.0, -2.0]], requires_grad=True)
    feature_matching_loss(generated, real).backward()
    assert real.grad is None
    assert generated.grad is not None
    # d/dx of ((mean - 1)² + (mean + 2)²) / 2: each example has a quarter of the mean's gradient
    assert torch.allclose(generated.grad, torch.tensor([-0.25, 0.5]).expand(4, 2))


def test_powers_and_widths_that_cannot_be_are_refused() -> None:
    with pytest.raises(SettingsError, match="p is 3"):
        feature_matching_loss(torch.zeros(1, 2), torch.zeros(1, 2), p=3)
    with pytest.raises(TensorContractError, match="shape"):
        feature_matching_loss(torch.zeros(1, 2), torch.zeros(1, 3))


def test_means_of_bfloat16_features_are_told_apart_as_those_of_float32() -> None:
    generator = torch.Generator().manual_seed(0)
    real = torch.rand(256, 32, generator=generator).bfloat16()
    generated = (torch.rand(256, 32, generator=generator) + 0.003).bfloat16().requires_grad_()
    loss = feature_matching_loss(generated, real)
    expected = feature_matching_loss(generated.detach().float(), real.float())
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    (gradient,) = torch.autograd.grad(loss, generated)
    assert (gradient != 0).all()
