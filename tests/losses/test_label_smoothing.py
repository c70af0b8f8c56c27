"""Smoothed targets, in closed form (Salimans et al. 2016, section 3.4)."""

import math

import pytest
import torch
from torch.nn import functional

from predictor.errors import SettingsError
from predictor.losses import (
    Reduction,
    fake_loss,
    real_loss,
    smoothed_divergence,
    smoothed_loss,
)


def test_it_is_the_cross_entropy_with_the_target() -> None:
    logits = torch.linspace(-4, 4, 9, dtype=torch.float64)
    target = torch.full_like(logits, 0.9)
    expected = functional.binary_cross_entropy_with_logits(logits, target)
    assert smoothed_loss(logits).item() == pytest.approx(expected.item())
    assert smoothed_loss(logits, 1.0).item() == pytest.approx(real_loss(logits).item())
    assert smoothed_loss(logits, 0.0).item() == pytest.approx(fake_loss(logits).item())


@pytest.mark.parametrize("target", [0.375, 0.75, 0.9])
def test_it_is_least_where_the_discriminator_says_the_target(target: float) -> None:
    best = torch.tensor([math.log(target / (1 - target))], dtype=torch.float64, requires_grad=True)
    loss = smoothed_divergence(best, target)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-12)
    assert best.grad is not None
    assert best.grad.item() == pytest.approx(0, abs=1e-12)
    assert smoothed_divergence(best.detach() + 0.1, target) > 0


def test_the_best_discriminator_is_alpha_times_the_share_of_the_data() -> None:
    """D* = α p_data / (p_data + p_model): one-sided smoothing keeps β = 0."""
    real, fake, alpha = 0.6, 0.2, 0.9
    logit = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([logit], max_iter=100, tolerance_grad=1e-12)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = real * smoothed_loss(logit, alpha) + fake * fake_loss(logit)
        loss.backward()
        return loss

    optimizer.step(closure)
    assert torch.sigmoid(logit).item() == pytest.approx(alpha * real / (real + fake), abs=1e-5)


@pytest.mark.parametrize("reduction", ["mean", "sum_per_example"])
def test_the_divergence_is_the_loss_less_the_entropy_of_each_element(reduction: Reduction) -> None:
    logits = torch.full((3, 2, 4, 1), math.log(3.0), dtype=torch.float64)  # D = 3/4
    found = smoothed_divergence(logits, 0.75, reduction)
    assert found.item() == pytest.approx(0, abs=1e-12)


def test_targets_that_are_no_probability_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"target is 1\.1"):
        smoothed_loss(torch.zeros(1), 1.1)
