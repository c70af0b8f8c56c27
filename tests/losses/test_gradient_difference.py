import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from predictor.errors import SettingsError, TensorContractError
from predictor.losses import gradient_difference_loss


def ramp(slope: float, height: int = 4, width: int = 5) -> Tensor:
    row = slope * torch.arange(width, dtype=torch.float64)
    return row.expand(1, 1, height, width)


@settings(deadline=None, derandomize=True)
@given(st.integers(0, 1000), st.floats(-1, 1), st.sampled_from([1.0, 2.0]))
def test_equal_up_to_a_constant_costs_nothing(seed: int, constant: float, alpha: float):
    generator = torch.Generator().manual_seed(seed)
    target = torch.rand(2, 3, 4, 5, generator=generator, dtype=torch.float64)
    assert gradient_difference_loss(target, target, alpha).item() == 0
    assert gradient_difference_loss(target + constant, target, alpha).item() < 1e-12


@pytest.mark.parametrize("alpha", [1.0, 2.0, 2.5])
def test_ramps_by_hand(alpha: float):
    # Steps to the right are 0.5 and 0.2: each of 4 x 4 differs by 0.3; steps down are all zero.
    prediction, target = ramp(0.5), ramp(0.2)
    mean = gradient_difference_loss(prediction, target, alpha).item()
    summed = gradient_difference_loss(prediction, target, alpha, "sum_per_example").item()
    assert mean == pytest.approx(0.3**alpha)  # of the 16 steps, not of the 20 pixels
    assert summed == pytest.approx(16 * 0.3**alpha)


def test_each_direction_has_a_mean_of_its_own():
    # 2 x 5 pixels: 5 steps down of size 1 and 8 to the right of size 0.
    prediction = torch.tensor([0.0, 1.0]).reshape(1, 1, 2, 1).expand(1, 1, 2, 5)
    target = torch.zeros(1, 1, 2, 5)
    assert gradient_difference_loss(prediction, target).item() == pytest.approx(1.0)


def test_signs_of_edges_are_lost():
    assert gradient_difference_loss(ramp(-0.2), ramp(0.2)).item() == pytest.approx(0.0)


def test_a_numpy_loop_agrees():
    generator = torch.Generator().manual_seed(0)
    y, y_hat = torch.rand(2, 2, 3, 4, 5, generator=generator, dtype=torch.float64).numpy()
    total = 0.0
    for n, c, i, j in np.ndindex(*y.shape):
        if i:
            total += abs(
                abs(y[n, c, i, j] - y[n, c, i - 1, j])
                - abs(y_hat[n, c, i, j] - y_hat[n, c, i - 1, j])
            )
        if j:
            total += abs(
                abs(y[n, c, i, j - 1] - y[n, c, i, j])
                - abs(y_hat[n, c, i, j - 1] - y_hat[n, c, i, j])
            )
    loss = gradient_difference_loss(
        torch.from_numpy(y_hat), torch.from_numpy(y), reduction="sum_per_example"
    )
    assert loss.item() == pytest.approx(total / 2)  # two examples


@pytest.mark.parametrize("alpha", [1.0, 2.0])
def test_gradients(alpha: float):
    generator = torch.Generator().manual_seed(1)
    prediction, target = torch.rand(2, 1, 2, 3, 3, generator=generator, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda x: gradient_difference_loss(x, target, alpha), prediction.requires_grad_()
    )


@pytest.mark.parametrize("alpha", [1.0, 1.5])
def test_the_gradient_is_finite_where_images_are_flat(alpha: float):
    prediction = torch.zeros(1, 3, 4, 4, requires_grad=True)
    gradient_difference_loss(prediction, torch.zeros(1, 3, 4, 4), alpha).backward()
    assert prediction.grad is not None
    assert torch.equal(prediction.grad, torch.zeros(1, 3, 4, 4))


def test_what_cannot_work_is_refused():
    images = torch.zeros(1, 3, 4, 4)
    with pytest.raises(SettingsError, match=r"alpha of the gradient difference is 0\.5"):
        gradient_difference_loss(images, images, 0.5)
    with pytest.raises(TensorContractError, match="1x4"):
        gradient_difference_loss(images[..., :1], images[..., :1])
    with pytest.raises(TensorContractError, match="would broadcast one of them"):
        gradient_difference_loss(images, images[:, :1])
