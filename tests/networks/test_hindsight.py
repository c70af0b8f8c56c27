"""What constant velocity would have made of the frames so far."""

import math

import pytest
import torch
from torch import Tensor

from predictor.networks.hindsight import ERROR_FLOOR, hindsight_trust, history_planes


def planes_of(frames: list[Tensor], flows: list[Tensor], block: int = 8) -> Tensor:
    """Return the planes as ``(N, T - 2, 8, h / block, w / block)``."""
    found = history_planes(frames, flows, block)
    return found.unflatten(1, (len(frames) - 2, 8))


def ramps(offsets: list[float]) -> list[Tensor]:
    """Return pictures that rise by 0.02 a pixel to the right, moved to the right."""
    x = torch.arange(32.0).expand(1, 1, 16, 32)
    return [0.02 * (x - offset) - 0.3 for offset in offsets]


def moved_by(steps: list[float]) -> list[Tensor]:
    """Return backward flows of pictures that move `steps` pixels to the right."""
    return [torch.stack([torch.full((1, 16, 32), -s), torch.zeros(1, 16, 32)], 1) for s in steps]


def test_steady_motion_leaves_nothing_to_change() -> None:
    told = planes_of(ramps([0, 2, 4, 6]), moved_by([2, 2, 2]))[..., 1]  # away from the edges
    change = math.log(0.04**2 + ERROR_FLOOR)
    for step in (0, 1):
        level, gained, share, speed = told[0, step, :4, 0]
        assert level.item() == pytest.approx(change / 3 + 2, abs=1e-4)
        assert gained.item() == 4  # limited: nothing is left
        assert share.item() == pytest.approx(1, abs=1e-3)
        assert speed.item() == pytest.approx(math.log(3), abs=1e-5)


def test_motion_that_turns_back_shows_as_a_share_below_nothing() -> None:
    told = planes_of(ramps([0, 2, 0]), moved_by([2, -2]))[..., 1]
    _, gained, share, _ = told[0, 0, :4, 0]
    assert share.item() == pytest.approx(-1, abs=1e-3)
    assert gained.item() == pytest.approx(-math.log(4), abs=1e-2)  # twice as far off


def test_half_the_speed_shows_as_half_the_share() -> None:
    told = planes_of(ramps([0, 2, 3]), moved_by([2, 1]))[..., 1]
    assert told[0, 0, 2, 0].item() == pytest.approx(0.5, abs=1e-2)


def test_frames_come_oldest_first_and_the_whole_frame_after_each_block() -> None:
    # nothing moves but, in the last step, the right half
    still = torch.zeros(1, 1, 16, 32)
    changed = still.clone()
    changed[..., 16:] = 0.2
    told = planes_of([still, still, still, changed], moved_by([0, 0, 0]))
    assert told.shape == (1, 2, 8, 2, 4)
    quiet = math.log(ERROR_FLOOR) / 3 + 2
    assert told[0, 0, 0].flatten().tolist() == pytest.approx([quiet] * 8)
    assert told[0, 1, 0, :, :2].flatten().tolist() == pytest.approx([quiet] * 4)
    loud = math.log(0.04 + ERROR_FLOOR) / 3 + 2
    assert told[0, 1, 0, :, 2:].flatten().tolist() == pytest.approx([loud] * 4)
    whole = math.log(0.02 + ERROR_FLOOR) / 3 + 2
    assert told[0, 1, 4].flatten().tolist() == pytest.approx([whole] * 8)


def test_trust_follows_the_squared_errors() -> None:
    errors = torch.tensor([0.1, 0.1, 0.2, 0.2]).view(1, 4, 1, 1).expand(1, 4, 16, 24)
    moved, before, still = hindsight_trust(errors)[0, :, 3, 3]
    assert (moved - still).item() == pytest.approx(math.log(4), abs=1e-3)
    assert (moved - before).item() == pytest.approx(4)
    assert still == 0


def test_trust_heeds_the_surroundings_and_the_whole_frame() -> None:
    errors = torch.full((1, 4, 64, 64), 0.1)
    errors[:, :2, :, 32:] = 0.4  # extrapolation failed on the right
    moved = hindsight_trust(errors)[0, 0]
    assert moved[32, 60] < moved[32, 4] < 0  # the whole frame speaks against moving, here less
