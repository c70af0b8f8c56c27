from collections.abc import Iterator

import numpy as np
import pytest
import torch
from moving_scenes import HEIGHT, WIDTH, hole_mask, pan
from torch import Tensor

from predictor.video_fill import memory
from predictor.video_fill.camera import transformed
from predictor.video_fill.memory import Memory
from predictor.video_fill.picture import FixedMask


def mask() -> FixedMask:
    return FixedMask.of((hole_mask()[0, 0] > 0.5).numpy())


def walked(frames: list[Tensor]) -> list[list[int]]:
    """Return the numbers of the frames remembered at each frame, and check the way to them."""
    found = []
    kept = Memory(iter(frames), mask())
    for _ in frames:
        kept.advance()
        found.append([other.picture.number for other in kept.others()])
    with pytest.raises(EOFError):
        kept.advance()
    return found


def test_frames_are_kept_as_far_apart_as_the_hole_is_wide() -> None:
    # A step of 15 % of 36 pixels is three frames of 2.3 pixels.
    found = walked(pan(40))
    assert sorted(found[20]) == [0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33, 36, 39]
    assert found[20][0] == 21
    assert all(len(numbers) <= 2 * memory.KEPT for numbers in found)


def test_a_slow_pan_keeps_few() -> None:
    assert walked(pan(24, (0.5, 0)))[20] == [22, 11, 0]


def test_the_way_to_a_kept_frame_adds_up() -> None:
    frames = pan(40)
    kept = Memory(iter(frames), mask())
    for number in range(len(frames)):
        back = kept.advance()
        assert (back is None) == (number == 0)
        for other in kept.others():
            far = other.picture.number - number
            moved = transformed(other.motion, np.array([[60.0, 40.0]]))[0] - [60, 40]
            assert np.abs(moved + far * np.array([2.3, 0.4])).max() < 0.05 * abs(far) + 0.1


def test_a_cut_ends_what_is_remembered() -> None:
    frames = [*pan(20), *pan(20, seed=9)]
    kept = Memory(iter(frames), mask())
    for number in range(len(frames)):
        back = kept.advance()
        assert (back is None) == (number in (0, 20))
        for other in kept.others():
            assert (other.picture.number < 20) == (number < 20)


def test_reading_ahead_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "FARTHEST", 10)
    taken = []

    def still() -> Iterator[Tensor]:
        for number, frame in enumerate(pan(40, (0, 0))):
            taken.append(number)
            yield frame

    kept = Memory(still(), mask())
    kept.advance()
    assert max(taken) <= 10 + 5
    for _ in range(5):
        kept.advance()
    assert max(taken) <= 15 + 5
    assert [other.picture.number for other in kept.others()] == [0]


def test_a_clip_of_one_frame() -> None:
    assert walked(pan(1)) == [[]]


def test_what_the_mask_hides_makes_no_cut_and_hides_none() -> None:
    """A hole of half the frame, under which a still picture hides the cut around it."""
    missing = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
    missing[:, : WIDTH // 2] = True
    still = pan(1, seed=5)[0]
    shown = [torch.where(missing, still, frame) for frame in (*pan(12), *pan(12, seed=9))]
    flickering = [
        torch.where(missing, other, frame)
        for frame, other in zip(pan(24), (*pan(12, seed=5), *pan(12, seed=6)), strict=True)
    ]
    for frames, cuts in ((shown, {0, 12}), (flickering, {0})):
        kept = Memory(iter(frames), FixedMask.of(missing.numpy()))
        assert {number for number in range(24) if kept.advance() is None} == cuts


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_frames_may_be_of_any_float_type(dtype: torch.dtype) -> None:
    kept = Memory((frame.to(dtype) for frame in pan(6)), mask())
    assert [kept.advance() is None for _ in range(6)] == [True] + [False] * 5
