from math import log

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from predictor.losses import (
    fake_loss,
    minimax_generator_loss,
    non_saturating_generator_loss,
    real_loss,
)


def test_a_discriminator_that_knows_nothing_loses_two_ln_2():
    zeros = torch.zeros(8, 1, dtype=torch.float64)
    assert (real_loss(zeros) + fake_loss(zeros)).item() == pytest.approx(2 * log(2))
    assert non_saturating_generator_loss(zeros).item() == pytest.approx(log(2))
    assert minimax_generator_loss(zeros).item() == pytest.approx(-log(2))


@settings(deadline=None, derandomize=True)
@given(st.lists(st.floats(-30, 30), min_size=1, max_size=8))
def test_losses_are_cross_entropies_with_the_labels(values: list[float]):
    logits = torch.tensor(values, dtype=torch.float64)[:, None]
    reference = functional.binary_cross_entropy_with_logits
    torch.testing.assert_close(real_loss(logits), reference(logits, torch.ones_like(logits)))
    torch.testing.assert_close(fake_loss(logits), reference(logits, torch.zeros_like(logits)))


def test_losses_stay_exact_where_the_sigmoid_is_one_or_zero():
    logits = torch.tensor([[-200.0]], requires_grad=True)
    loss = non_saturating_generator_loss(logits)
    loss.backward()
    assert loss.item() == 200.0
    assert logits.grad is not None
    assert logits.grad.item() == -1.0  # the strongest push exactly where the generator loses
    assert real_loss(torch.tensor([[200.0]])).item() == 0.0


def test_the_minimax_loss_saturates_where_the_other_does_not():
    logits = torch.tensor([[-20.0]], dtype=torch.float64, requires_grad=True)
    (saturated,) = torch.autograd.grad(minimax_generator_loss(logits), logits)
    (strong,) = torch.autograd.grad(non_saturating_generator_loss(logits), logits)
    assert -1e-8 < saturated.item() < 0  # both want higher logits
    assert strong.item() == pytest.approx(-1.0)


def test_a_sum_per_example_grows_with_the_logits_of_an_example_only():
    logits = torch.zeros(5, 1, 3, 4)
    assert real_loss(logits, "sum_per_example").item() == pytest.approx(12 * log(2))
    assert real_loss(logits, "mean").item() == pytest.approx(log(2))


def test_half_precision_logits_are_reduced_in_float32():
    # 4,096 times ln 2 in bfloat16 would lose all but three digits.
    loss = real_loss(torch.zeros(1, 4096, dtype=torch.bfloat16), "sum_per_example")
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(4096 * log(2), rel=1e-6)


@pytest.mark.parametrize("loss", [real_loss, fake_loss, minimax_generator_loss])
def test_gradients(loss):
    logits = torch.linspace(-3, 3, 6, dtype=torch.float64).reshape(3, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(x, "sum_per_example"), logits)
