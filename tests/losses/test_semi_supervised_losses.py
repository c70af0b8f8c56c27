"""The losses of a classifier with one class more, in closed form (Salimans et al. 2016)."""

import math

import pytest
import torch
from torch.nn import functional

from predictor.errors import TensorContractError
from predictor.losses import fake_loss, labelled_loss, real_logits, real_loss


def test_real_is_what_a_softmax_with_a_zero_logit_leaves_over() -> None:
    logits = torch.randn(6, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    whole = functional.softmax(torch.cat([logits, torch.zeros(6, 1)], dim=1), dim=1)
    share = torch.sigmoid(real_logits(logits))
    assert torch.allclose(share, 1 - whole[:, -1], rtol=1e-12)
    sums = logits.exp().sum(dim=1)
    assert torch.allclose(share, sums / (sums + 1), rtol=1e-12)


def test_values_at_logits_of_zero() -> None:
    logits = torch.zeros(4, 10, dtype=torch.float64)
    evidence = real_logits(logits)
    assert evidence[0].item() == pytest.approx(math.log(10))
    assert torch.sigmoid(evidence)[0].item() == pytest.approx(10 / 11)
    half = 0.5 * real_loss(evidence) + 0.5 * fake_loss(evidence)
    assert half.item() == pytest.approx(1.2466, abs=5e-5)
    assert labelled_loss(logits, torch.arange(4)).item() == pytest.approx(math.log(10))


def test_labelled_loss_is_the_paper_s_difference() -> None:
    logits = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    labels = torch.tensor([0, 2, 1, 1, 0])
    expected = (logits.exp().sum(1).log() - logits[range(5), labels]).mean()
    assert labelled_loss(logits, labels).item() == pytest.approx(expected.item())
    # All logits moved alike: who is real changes, which class it is does not.
    assert labelled_loss(logits + 3, labels).item() == pytest.approx(expected.item())
    assert torch.allclose(real_logits(logits + 3), real_logits(logits) + 3)


def test_large_logits_stay_finite() -> None:
    logits = torch.tensor([[1000.0, -1000.0], [-1000.0, -1000.0]])
    for loss in (real_loss, fake_loss):
        assert loss(real_logits(logits)).isfinite()
    assert labelled_loss(logits, torch.tensor([1, 0])).item() == pytest.approx(
        (2000 + 0.693147) / 2
    )


@pytest.mark.parametrize("shape", [(4,), (3,), (4, 1)])
def test_labels_that_do_not_fit_are_refused(shape: tuple[int, ...]) -> None:
    logits = torch.zeros(4, 3) if shape != (4,) else torch.zeros(4, 3, 1)
    with pytest.raises(TensorContractError, match="labels"):
        labelled_loss(logits, torch.zeros(shape, dtype=torch.int64))
