"""The flow by tensor operations, on motion known in closed form."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

import predictor.flow
from predictor.flow import dense_flow
from predictor.pyramidal_flow import pyramidal_flow
from predictor.warping import pixel_grid, warped


def textured(height: int = 96, width: int = 128, seed: int = 0) -> Tensor:
    """Return a random grey picture ``(1, 1, H, W)`` with detail at every size."""
    generator = torch.Generator().manual_seed(seed)
    picture = torch.zeros(1, 1, height, width)
    for cell in (4, 8, 16, 32):
        coarse = torch.rand(1, 1, height // cell + 2, width // cell + 2, generator=generator)
        picture += functional.interpolate(coarse, (height, width), mode="bicubic") / 4
    return 255 * picture.clamp(0, 1)


@pytest.mark.parametrize(("right", "down"), [(1, 0), (-3, 2), (9, -6), (0, 14)])
def test_flow_of_a_translation_is_that_translation(right: int, down: int) -> None:
    second = textured(160, 192)
    first = second.roll((down, right), dims=(-2, -1))  # first(x) = second(x - shift)
    inside = pyramidal_flow(first, second)[..., 24:-24, 24:-24]
    assert inside[:, 0].sub(-right).abs().mean() < 0.05
    assert inside[:, 1].sub(-down).abs().mean() < 0.05


def test_flow_of_an_affine_motion_follows_it_at_every_pixel() -> None:
    height, width = 128, 160
    place = pixel_grid(height, width, torch.device("cpu")).permute(2, 0, 1)
    x, y = place[0] - width / 2, place[1] - height / 2
    known = torch.stack([0.03 * x - 0.05 * y + 1.5, 0.05 * x + 0.03 * y - 0.7])[None]
    second = textured(height, width)
    found = pyramidal_flow(warped(second, known), second)
    error = torch.linalg.vector_norm(found - known, dim=1)[:, 16:-16, 16:-16]
    assert error.mean() < 0.15


def test_a_change_of_brightness_is_not_motion() -> None:
    picture = textured() * 0.8
    flow = pyramidal_flow(picture, picture + 20)
    assert torch.linalg.vector_norm(flow, dim=1).mean() < 0.05


def test_equal_and_flat_frames_do_not_move() -> None:
    flat = torch.full((1, 1, 40, 50), 90.0)
    for picture in (textured(), flat):
        assert pyramidal_flow(picture, picture).abs().max() < 1e-3


def test_pixels_that_leave_the_frame_do_not_disturb_the_others() -> None:
    wide = textured(96, 160)
    first, second = wide[..., 12:140], wide[..., 20:148]  # the camera pans 8 to the right
    flow = pyramidal_flow(first, second)
    near_the_border = flow[:, 0, 16:-16, 8:24]
    assert near_the_border.add(8).abs().mean() < 0.5


def test_a_batch_flows_as_its_items_do() -> None:
    first = torch.cat([textured(seed=1), textured(seed=2), textured(seed=3)])
    second = torch.stack([first[0].roll(2, -1), first[1].roll(-5, -2), first[2]])
    together = pyramidal_flow(first, second)
    apart = torch.cat([pyramidal_flow(first[n : n + 1], second[n : n + 1]) for n in range(3)])
    assert torch.equal(together, apart)
    assert torch.equal(together, pyramidal_flow(first, second))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (5, 40), (13, 12), (31, 33), (32, 32), (75, 101)])
def test_any_size_has_a_finite_flow(size: tuple[int, int]) -> None:
    second = textured(128, 128)[..., : size[0], : size[1]]
    first = textured(128, 128)[..., 1 : size[0] + 1, 1 : size[1] + 1]
    flow = pyramidal_flow(first, second)
    assert flow.shape == (1, 2, *size)
    assert flow.isfinite().all()
    assert torch.linalg.vector_norm(flow, dim=1).max() < 2 * max(size)


def test_small_frames_are_followed() -> None:
    second = textured(48, 48)
    first = second.roll(1, dims=-1)[..., 8:40, 8:40]
    inside = pyramidal_flow(first, second[..., 8:40, 8:40])[..., 6:-6, 6:-6]
    assert inside[:, 0].add(1).abs().mean() < 0.15


def test_no_gradient_flows_and_autocast_changes_nothing() -> None:
    first, second = textured(seed=4).requires_grad_(), textured(seed=4).roll(2, dims=-1)
    plain = pyramidal_flow(first, second)
    assert not plain.requires_grad
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(pyramidal_flow(first, second), plain)


def test_opencv_searches_frames_on_a_cpu_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(predictor.flow, "_inverse_search", lambda *_: "searched")
    monkeypatch.setattr(predictor.flow, "pyramidal_flow", lambda *_: "pyramid")
    here, elsewhere = torch.zeros(1, 3, 32, 32), torch.zeros(1, 3, 32, 32, device="meta")
    assert dense_flow(here, here) == "searched"
    assert dense_flow(elsewhere, elsewhere) == "pyramid"


@pytest.mark.gpu
def test_a_gpu_finds_what_the_processor_finds() -> None:
    second = textured()
    first = second.roll(3, dims=-1)
    found = pyramidal_flow(first.cuda(), second.cuda()).cpu()
    assert (found - pyramidal_flow(first, second)).abs().mean() < 0.02
