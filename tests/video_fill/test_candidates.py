"""What other frames propose for a hole, and how far that is believed."""

import numpy as np
import pytest
from moving_scenes import hole_mask, scene, seen_from

from predictor.video_fill.alignment import Candidate, Target
from predictor.video_fill.picture import FixedMask
from predictor.video_fill.video_inpainter import _mixed

MASK = FixedMask.of((hole_mask()[0, 0] > 0.5).numpy())


def proposed(shift: tuple[int, int]) -> Candidate | None:
    """Return what the frame of a camera that moved by `shift` pixels shows of the hole."""
    frames = seen_from(scene(), [(8, 8), (8 + shift[0], 8 + shift[1])])
    here, there = (MASK.picture(number, frame) for number, frame in enumerate(frames))
    motion = np.array([[1, 0, -shift[0]], [0, 1, -shift[1]], [0, 0, 1]], np.float64)
    return Target(here, MASK, MASK.parts[0]).candidate(there, motion, is_still=True)


def test_a_frame_proposes_what_it_shows_around_enough_of_the_hole() -> None:
    candidate = proposed((70, 45))
    assert candidate is not None
    assert candidate.seen[-1, -1] == 1
    assert candidate.seen[0, 0] == 0
    assert candidate.rim_error < 1e-5


def test_what_little_of_the_surroundings_confirms_is_not_proposed() -> None:
    assert proposed((83, 59)) is None  # a corner of the hole, and a tenth of what is around it


@pytest.mark.parametrize("difference", [0.3, 1.0])
def test_frames_that_contradict_each_other_are_believed_less(difference: float) -> None:
    frame = seen_from(scene(), [(8, 8)])[0]
    target = Target(MASK.picture(0, frame), MASK, MASK.parts[0])
    size = MASK.parts[0].hole.pixels.shape

    def candidate(level: float) -> Candidate:
        whole = np.ones(size, np.float32)
        colours = np.full((*size, 3), level, np.float32)
        return Candidate(colours, whole, 1e-4 * whole, 1e-4, whole)

    alike = _mixed(target, [(candidate(0.1), 1), (candidate(0.1), 2)])
    other = _mixed(target, [(candidate(0.1), 1), (candidate(0.1 + difference), 2)])
    assert alike[1].min() > 0.95
    assert other[1].max() < 0.9 * alike[1].min()
