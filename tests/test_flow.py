"""Flow, warps and constant velocity on motion that is known."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from predictor.errors import TensorContractError
from predictor.flow import constant_velocity, dense_flow, luma
from predictor.warping import warped


def textured(height: int = 64, width: int = 96, seed: int = 0) -> Tensor:
    """Return a smooth random picture ``(1, 3, H, W)`` that any method can follow."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, height // 8, width // 8, generator=generator) * 2 - 1
    return functional.interpolate(coarse, (height, width), mode="bicubic").clamp(-1, 1)


def test_flow_of_a_shift_points_to_where_the_pixel_came_from() -> None:
    # the picture moves 3 to the right and 2 down, so each pixel was up and to the left before
    before = textured()
    after = before.roll((2, 3), dims=(-2, -1))
    inside = dense_flow(after, before)[..., 12:-12, 12:-12]
    assert inside[:, 0].median() == pytest.approx(-3, abs=0.1)
    assert inside[:, 1].median() == pytest.approx(-2, abs=0.1)


def test_a_batch_flows_as_its_items_do() -> None:
    first = torch.cat([textured(seed=1), textured(seed=2)])
    second = first.roll(2, dims=-1)
    together = dense_flow(first, second)
    apart = torch.cat([dense_flow(first[n : n + 1], second[n : n + 1]) for n in range(2)])
    assert torch.equal(together, apart)


@pytest.mark.parametrize("size", [(1, 1), (5, 40), (31, 33)])
def test_frames_too_small_for_the_search_have_a_flow(size: tuple[int, int]) -> None:
    frame = torch.zeros(1, 3, *size)
    assert dense_flow(frame, frame).shape == (1, 2, *size)


def test_flow_of_different_sizes_is_refused() -> None:
    with pytest.raises(TensorContractError, match="first is"):
        dense_flow(textured(), textured(72, 96))


def test_warp_by_whole_pixels_copies_them_and_repeats_the_edge() -> None:
    image = torch.arange(12.0).view(1, 1, 3, 4)
    flow = torch.zeros(1, 2, 3, 4)
    flow[:, 0] = 1  # out(x) = image(x + 1)
    expected = image[..., [1, 2, 3, 3]]
    assert torch.allclose(warped(image, flow), expected, atol=1e-5)


def test_warp_between_pixels_is_bilinear() -> None:
    image = torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
    flow = torch.full((1, 2, 2, 2), 0.25)
    assert warped(image, flow)[0, 0, 0, 0] == pytest.approx(0.25 * 1 + 0.25 * 2)


def test_warp_is_differentiable_in_the_flow() -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 2, 5, 6, generator=generator)
    flow = (0.3 + 0.2 * torch.rand(1, 2, 5, 6, generator=generator)).requires_grad_()
    loss = warped(image, flow)[0, 0, 2, 2]
    (slope,) = torch.autograd.grad(loss, flow)
    step = torch.zeros_like(flow)
    step[0, 0, 2, 2] = 1e-2
    numeric = (warped(image, flow + step)[0, 0, 2, 2] - loss) / 1e-2
    assert slope[0, 0, 2, 2].item() == pytest.approx(numeric.item(), abs=1e-3)


def test_constant_velocity_continues_the_motion() -> None:
    frames = [textured().roll(2 * k, dims=-1) for k in range(5)]
    predicted = constant_velocity(torch.stack(frames[:3], dim=1), count=2)
    for ahead in (1, 2):
        inside = (predicted[:, ahead - 1] - frames[2 + ahead])[..., 12:-12, 16:-16]
        assert inside.abs().mean() < 0.01


def test_luma_has_the_weights_of_bt601() -> None:
    assert luma(torch.ones(1, 3, 1, 1)).item() == pytest.approx(1.0)
    shares = [luma(torch.eye(3)[c].view(1, 3, 1, 1)).item() for c in range(3)]
    assert shares == pytest.approx([0.299, 0.587, 0.114])


def test_a_finer_search_is_more_exact_at_the_edges_of_moving_objects() -> None:
    generator = torch.Generator().manual_seed(5)
    texture = functional.avg_pool2d(torch.rand(1, 3, 98, 130, generator=generator), 3, stride=1)
    first = (texture - texture.mean()) * 5  # 96 x 128, with contrast
    second = first.clone()
    second[..., 30:66, 42:82] = first[..., 30:66, 40:80]  # a square that moves 2 pixels right
    truth = torch.zeros(96, 128)
    truth[30:66, 40:80] = 2
    errors = [
        (dense_flow(first, second, finest_scale=scale)[0, 0] - truth)[20:76, 30:92].abs().mean()
        for scale in (1, 0)
    ]
    assert errors[1] < 0.7 * errors[0]
