import numpy as np
import pytest
import torch

from predictor.errors import SettingsError, TensorContractError
from predictor.losses import lp_loss


@pytest.mark.parametrize("p", [1, 2])
def test_constant_offset(p: int):
    target = torch.zeros(4, 3, 5, 6, dtype=torch.float64)
    prediction = target - 0.5
    assert lp_loss(prediction, target, p).item() == pytest.approx(0.5**p)
    summed = lp_loss(prediction, target, p, "sum_per_example").item()
    assert summed == pytest.approx(3 * 5 * 6 * 0.5**p)  # not 4 times that: the batch is averaged


@pytest.mark.parametrize("p", [1, 2])
def test_a_numpy_loop_agrees(p: int):
    generator = torch.Generator().manual_seed(0)
    prediction, target = torch.rand(2, 2, 3, 4, 5, generator=generator, dtype=torch.float64)
    examples = zip(prediction.numpy(), target.numpy(), strict=True)
    sums = [(np.abs(one - other) ** p).sum() for one, other in examples]
    assert lp_loss(prediction, target, p, "sum_per_example").item() == pytest.approx(np.mean(sums))


@pytest.mark.parametrize("p", [1, 2])
def test_gradients(p: int):
    target = torch.zeros(2, 1, 2, 2, dtype=torch.float64)
    prediction = torch.linspace(-0.9, 0.8, 8, dtype=torch.float64).reshape(2, 1, 2, 2)
    assert torch.autograd.gradcheck(
        lambda x: lp_loss(x, target, p, "sum_per_example"), prediction.requires_grad_()
    )


@pytest.mark.parametrize("p", [0, 3])
def test_other_norms_are_refused(p: int):
    with pytest.raises(SettingsError, match=f"p is {p}, expected 1 or 2"):
        lp_loss(torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 2, 2), p)


def test_a_target_that_would_be_broadcast_is_refused():
    with pytest.raises(TensorContractError, match="would broadcast one of them"):
        lp_loss(torch.zeros(4, 3, 2, 2), torch.zeros(1, 3, 2, 2))
