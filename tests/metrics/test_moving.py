"""Which pixels move, on flows whose speeds are known."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from predictor.errors import TensorContractError
from predictor.metrics import moving_by_flow_color, moving_by_speed


def test_speed_is_the_length_of_the_flow() -> None:
    flow = torch.tensor([[0.0, 0.19, 0.15, -0.15], [0.0, 0.0, 0.15, -0.1]]).reshape(1, 2, 1, 4)
    assert moving_by_speed(flow).flatten().tolist() == [False, False, True, False]
    assert moving_by_speed(flow, threshold_px=0.0).flatten().tolist() == [False, True, True, True]


@settings(deadline=None, derandomize=True)
@given(st.floats(-3.1, 3.1), st.floats(0.5, 50))
def test_color_finds_pixels_faster_than_about_four_fifths_of_the_fastest(
    angle: float, top: float
) -> None:
    # Primary and mixed colours of the wheel reach darkness at slightly different speeds.
    speeds = torch.tensor([0.0, 0.3, 0.7, 0.79, 0.99, 1.0]) * top
    direction = torch.stack((torch.tensor(angle).cos(), torch.tensor(angle).sin()))
    flow = (direction[:, None] * speeds).reshape(1, 2, 1, 6)
    moving = moving_by_flow_color(flow).flatten().tolist()
    assert moving == [False, False, False, False, True, True]


@pytest.mark.parametrize("angle", [0.0, 1.0, 1.5, 2.0, -1.0])
def test_every_pixel_of_a_pan_moves(angle: float) -> None:
    # All are the fastest; torchvision's picture of them has no dark channel at some angles.
    flow = 5 * torch.tensor([angle, angle - torch.pi / 2]).cos().reshape(1, 2, 1, 1)
    assert moving_by_flow_color(flow.expand(1, 2, 6, 7)).all()


def test_each_example_has_a_fastest_pixel_of_its_own() -> None:
    slow = torch.zeros(1, 2, 4, 4)
    slow[..., 0, 0] = 0.5
    fast = 100 * slow
    moving = moving_by_flow_color(torch.cat((slow, fast)))
    assert torch.equal(moving[0], moving[1])
    assert moving[0, 0, 0, 0]
    assert moving.sum() == 2


def test_nothing_moves_where_the_flow_is_zero() -> None:
    flow = torch.zeros(2, 2, 5, 6)
    assert moving_by_flow_color(flow).shape == moving_by_speed(flow).shape == (2, 1, 5, 6)
    assert not moving_by_flow_color(flow).any()
    assert not moving_by_speed(flow).any()


@pytest.mark.parametrize("moving", [moving_by_flow_color, moving_by_speed])
def test_other_shapes_are_refused(moving) -> None:
    with pytest.raises(TensorContractError, match=r"expected \(N, 2, H, W\)"):
        moving(torch.zeros(1, 3, 4, 5))
