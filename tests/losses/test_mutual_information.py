"""The bound of the mutual information, against its closed forms."""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from predictor.losses import (
    categorical_information,
    information_scored_as_normal,
    uniform_information,
)


def evenly(count: int = 20_001) -> Tensor:
    """Return two codes that go evenly through [-1, 1], ``(N, 2)``."""
    return torch.linspace(-1, 1, count)[:, None].repeat(1, 2)


def test_a_reader_that_is_sure_and_right_knows_the_entropy() -> None:
    categories = torch.arange(10)
    logits = 100 * torch.eye(10)
    assert categorical_information(logits, categories).item() == pytest.approx(2.302585, abs=1e-6)
    nothing = categorical_information(torch.zeros(10, 10), categories)
    assert nothing.item() == pytest.approx(0, abs=1e-6)
    wrong = categorical_information(logits, categories.roll(1)).item()
    assert wrong == pytest.approx(math.log(10) - 100)


def test_half_the_categories_known_are_half_the_information() -> None:
    logits = torch.tensor([[50.0, 50, 0, 0], [0, 0, 50, 50]])
    found = categorical_information(logits, torch.tensor([1, 2]))
    assert found.item() == pytest.approx(math.log(2))


def test_uniform_codes_have_the_entropy_of_their_range() -> None:
    """A reader that knows nothing but the range's variance is short of 0 by its wrong shape."""
    codes, nothing = evenly(), torch.zeros(20_001, 2)
    wide = torch.full_like(nothing, math.log(1 / 3))
    shape = 0.5 * math.log(2 * math.pi * math.e / 3) - math.log(2)
    found = uniform_information(codes, nothing, wide)
    assert found.tolist() == pytest.approx([-shape] * 2, abs=1e-3)


@pytest.mark.parametrize("deviation", [1.0, 0.1])
def test_perfect_uniform_codes(deviation: float) -> None:
    codes = evenly(11)
    log_variances = torch.full_like(codes, 2 * math.log(deviation))
    found = uniform_information(codes, codes, log_variances)
    expected = math.log(2) - math.log(deviation * math.sqrt(2 * math.pi))
    assert found.tolist() == pytest.approx([expected] * 2, abs=1e-6)


def test_densities_are_those_of_torch() -> None:
    torch.manual_seed(0)
    codes, means, log_variances = torch.rand(7, 3), torch.randn(7, 3), torch.randn(7, 3)
    expected = Normal(means, (log_variances / 2).exp()).log_prob(codes).mean(dim=0) + math.log(2)
    torch.testing.assert_close(uniform_information(codes, means, log_variances), expected)


def test_the_published_code_scores_two_perfect_codes_as_a_third_of_a_nat() -> None:
    codes, fixed = evenly(), torch.zeros(20_001, 2)
    perfect = information_scored_as_normal(codes, codes, fixed).sum().item()
    assert perfect == pytest.approx(1 / 3, abs=1e-4)
    nothing = information_scored_as_normal(codes, torch.zeros_like(codes), fixed)
    assert nothing.tolist() == pytest.approx([0, 0], abs=1e-6)


def test_the_score_of_the_prior_moves_no_gradient() -> None:
    torch.manual_seed(0)
    codes = torch.rand(9, 2) * 2 - 1
    gradients = []
    for bound in (uniform_information, information_scored_as_normal):
        means = torch.full((9, 2), 0.2, requires_grad=True)
        log_variances = torch.full((9, 2), -0.3, requires_grad=True)
        gradients.append(
            torch.autograd.grad(bound(codes, means, log_variances).sum(), [means, log_variances])
        )
    assert all(map(torch.equal, *gradients))


def test_raising_the_bound_brings_the_reader_nearer() -> None:
    logits = torch.zeros(2, 3, requires_grad=True)
    (gradient,) = torch.autograd.grad(categorical_information(logits, torch.tensor([0, 2])), logits)
    assert gradient[0, 0] > 0 > gradient[0, 1]
    assert gradient[1, 2] > 0 > gradient[1, 0]
    means = torch.zeros(1, 1, requires_grad=True)
    bound = uniform_information(torch.tensor([[0.5]]), means, torch.zeros(1, 1)).sum()
    (gradient,) = torch.autograd.grad(bound, means)
    assert gradient.item() == pytest.approx(0.5)


def test_half_precision_is_raised() -> None:
    logits = (100 * torch.eye(10)).bfloat16()
    assert categorical_information(logits, torch.arange(10)).dtype == torch.float32
    codes = torch.zeros(3, 1)
    found = uniform_information(codes, codes.bfloat16(), codes.bfloat16())
    assert found.dtype == torch.float32
