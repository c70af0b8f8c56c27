"""The default frame predictor."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from predictor.errors import SettingsError, TensorContractError
from predictor.flow import constant_velocity
from predictor.networks import motion
from predictor.networks.motion import MotionConfig, MotionNetwork
from predictor.pyramid import average_pooled

SMALL = MotionConfig(context=4, widths=(8, 8), blocks=(1, 1), refined_width=8, refined_blocks=1)


def moving_clip(height: int, width: int, step: int = 2, frames: int = 4) -> Tensor:
    """Return a smooth picture moving to the right, ``(1, frames, 3, H, W)``."""
    generator = torch.Generator().manual_seed(3)
    coarse = torch.rand(1, 3, height // 8 + 2, width // 8 + 2, generator=generator) * 2 - 1
    picture = functional.interpolate(coarse, (height, width), mode="bicubic").clamp(-1, 1)
    return torch.stack([picture.roll(step * k, dims=-1) for k in range(frames)], dim=1)


def stirred(network: MotionNetwork) -> MotionNetwork:
    """Give the heads weights, which are zero in a fresh network."""
    torch.manual_seed(0)
    for head in (network.coarse_head, network.refined_head):
        torch.nn.init.normal_(head.weight, std=0.05)
    return network


def test_fresh_network_trusts_a_steady_motion_as_constant_velocity_does() -> None:
    clip = moving_clip(64, 96)
    with torch.no_grad():
        coarse, final = MotionNetwork(SMALL)(clip)
    classical = constant_velocity(clip)[:, 0]
    inside = (..., slice(8, -8), slice(12, -12))
    # the blend keeps a little of the candidates that hindsight trusts less
    assert (final - classical)[inside].abs().mean() < 0.02 * clip.abs().mean()
    assert (coarse - average_pooled(classical, 2))[..., 4:-4, 6:-6].abs().mean() < 0.02


def test_still_clip_stays_exactly_as_it_is() -> None:
    clip = moving_clip(48, 64, step=0)
    with torch.no_grad():
        final = MotionNetwork(SMALL)(clip)[-1]
    assert torch.allclose(final, clip[:, -1], atol=1e-5)


@pytest.mark.parametrize("size", [(48, 64), (45, 61), (33, 70)])
@pytest.mark.parametrize("side", [560, 40])
def test_every_size_keeps_its_size(size: tuple[int, int], side: int) -> None:
    config = replace(SMALL, working_side_px=side)
    with torch.no_grad():
        final = stirred(MotionNetwork(config))(moving_clip(*size))[-1]
    assert final.shape[-2:] == size
    assert final.isfinite().all()
    assert final.abs().max() <= 1


def test_half_working_resolution_still_warps_full_frames() -> None:
    # fine detail survives: it is never seen at less than the size of the frames
    clip = moving_clip(64, 96)
    fine = torch.rand(1, 1, 3, 64, 96, generator=torch.Generator().manual_seed(1)) * 0.2
    clip = (clip * 0.8 + torch.cat([fine.roll(2 * k, dims=-1) for k in range(4)], dim=1)).clamp(
        -1, 1
    )
    config = replace(SMALL, working_side_px=40)
    with torch.no_grad():
        final = MotionNetwork(config)(clip)[-1]
    truth = clip[:, -1].roll(2, dims=-1)
    inside = (..., slice(8, -8), slice(12, -12))
    blurred = functional.avg_pool2d(truth, 3, stride=1, padding=1)
    assert (final - truth)[inside].abs().mean() < 0.5 * (blurred - truth)[inside].abs().mean()


@pytest.mark.parametrize(("size", "side", "pixels"), [((48, 64), 560, 1), ((96, 128), 60, 2)])
def test_residual_lies_on_the_pixels_that_it_corrects(
    size: tuple[int, int], side: int, pixels: int
) -> None:
    network = MotionNetwork(replace(SMALL, working_side_px=side))
    clip = moving_clip(*size) * 0.5
    with torch.no_grad():
        plain = network(clip)[-1]
        network.refined_head.bias[-12:] = torch.tensor([0.1, -0.1, -0.1, 0.1]).repeat(3)
        added = network(clip)[-1] - plain
    board = torch.ones(2, 2) - 2 * torch.eye(2)
    board = board.repeat(size[0] // 2 // pixels, size[1] // 2 // pixels)
    corners = added[..., pixels - 1 :: pixels, pixels - 1 :: pixels]
    assert torch.equal(corners.sign(), -board.expand_as(corners))
    if pixels == 1:
        assert torch.allclose(added, -0.1 * board.expand_as(added), atol=1e-5)


def test_batch_is_its_items_one_by_one() -> None:
    clips = torch.cat([moving_clip(48, 64), moving_clip(48, 64, step=3)])
    network = stirred(MotionNetwork(SMALL)).eval()
    with torch.no_grad():
        together = network(clips)[-1]
        apart = torch.cat([network(clip)[-1] for clip in clips.split(1)])
    assert torch.allclose(together, apart, atol=1e-5)


def test_loss_reaches_every_parameter() -> None:
    network = stirred(MotionNetwork(SMALL))
    coarse, final = network(moving_clip(48, 64))
    (coarse.square().mean() + final.square().mean()).backward()
    dead = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert dead == []


def test_background_that_an_object_leaves_is_not_dragged_along() -> None:
    flow = torch.zeros(1, 2, 32, 64)
    flow[:, 0, :, 20:40] = -8.0  # an object that moves 8 pixels to the right
    still = [torch.zeros(1, 3, 32, 64)] * 4
    _, velocity, _ = motion._evidence(still, [flow] * 3)
    assert (velocity[0, 0, 16, 20:27] == 0).all()  # behind it
    assert (velocity[0, 0, 16, 29:39] == -8).all()  # where it still is


def test_flows_may_be_found_ahead() -> None:
    config = replace(SMALL, context=6)
    network = stirred(MotionNetwork(config))
    clip = moving_clip(64, 80, frames=6)
    found = MotionNetwork.evidence(config, clip[0])
    assert found["flows"].shape == (3, 2, 64, 80)
    assert found["older_flows"].shape == (2, 2, 32, 40)
    told = {name: flows[None] for name, flows in found.items()}
    with torch.no_grad():
        assert torch.equal(network(clip)[-1], network(clip, **told)[-1])
        shifted = {name: flows + 1 for name, flows in told.items()}
        assert not torch.allclose(network(clip)[-1], network(clip, **shifted)[-1], atol=1e-2)


def test_older_frames_change_the_prediction() -> None:
    network = stirred(MotionNetwork(replace(SMALL, context=8)))
    steady = moving_clip(64, 80, frames=8)
    jerky = steady.clone()
    jerky[:, 1:4] = steady[:, :1]
    with torch.no_grad():
        assert not torch.allclose(network(steady)[-1], network(jerky)[-1], atol=1e-3)


def test_a_context_too_short_for_its_detail_is_refused() -> None:
    with pytest.raises(SettingsError, match="context is 3, expected 4 or more"):
        MotionConfig(context=3)


def test_frames_instead_of_a_clip_are_refused() -> None:
    with pytest.raises(TensorContractError, match="clip"):
        MotionNetwork(SMALL)(torch.zeros(1, 3, 32, 32))


def test_config_without_matching_levels_is_refused() -> None:
    with pytest.raises(ValueError, match="2 widths for 1 blocks"):
        MotionConfig(widths=(8, 8), blocks=(1,))


@pytest.mark.parametrize("size", ["working_side_px", "refined_width"])
def test_sizes_below_one_are_refused(size: str) -> None:
    with pytest.raises(SettingsError, match=rf"{size} (is )?0"):
        MotionConfig(**{size: 0})
