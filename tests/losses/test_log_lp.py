"""The pixel loss that counts every example alike."""

import math

import pytest
import torch

from predictor.errors import SettingsError
from predictor.losses import log_lp_loss
from predictor.losses.lp import LOG_FLOOR


def test_constant_error_gives_its_logarithm() -> None:
    target = torch.zeros(2, 3, 4, 5)
    found = log_lp_loss(target + 0.1, target, p=2)
    assert found == pytest.approx(math.log(0.01 + LOG_FLOOR**2), abs=1e-5)


def test_halving_any_examples_error_is_worth_the_same() -> None:
    target = torch.zeros(2, 3, 4, 5)
    errors = torch.tensor([1.0, 0.3]).view(2, 1, 1, 1)
    whole = log_lp_loss(target + errors, target, p=1)
    for example in range(2):
        halved = errors.clone()
        halved[example] /= 2
        gain = whole - log_lp_loss(target + halved, target, p=1)
        assert gain == pytest.approx(math.log(2) / 2, abs=0.01)


def test_perfect_prediction_is_finite_and_has_a_gradient_of_zero() -> None:
    target = torch.rand(1, 3, 4, 4)
    prediction = target.clone().requires_grad_()
    loss = log_lp_loss(prediction, target, p=2)
    loss.backward()
    assert loss.item() == pytest.approx(2 * math.log(LOG_FLOOR), abs=1e-4)
    assert prediction.grad is not None
    assert prediction.grad.abs().max() == 0


def test_other_norms_are_refused() -> None:
    with pytest.raises(SettingsError, match="p is 3"):
        log_lp_loss(torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4), p=3)
