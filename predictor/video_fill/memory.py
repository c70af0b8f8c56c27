"""The frames worth remembering around the one that is being filled, and the motion to each.

A second reading of the clip runs ahead, and a frame is kept whenever a hole has moved by a certain
part of its size since the last. So a few frames cover all that a pan shows, slow or fast, and
memory does not grow with the length of the clip.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from predictor.video_fill.camera import Matrix, inverse, transformed
from predictor.video_fill.camera_path import tracked_pictures
from predictor.video_fill.picture import FixedMask, Picture

KEPT = 8
"""Frames remembered before, and after, the one that is filled."""
STEP = 0.15
"""A frame is remembered where a hole has moved by this part of its size since the last."""
FARTHEST = 400
"""Frames that are read ahead at most."""


@dataclass(eq=False)
class Remembered:
    """A frame in memory, and the motion to it from the frame that is being filled."""

    picture: Picture
    motion: Matrix


class Memory:
    """What is remembered around the current frame of a clip; call `advance` to reach the first."""

    def __init__(self, frames: Iterable[Tensor], mask: FixedMask) -> None:
        self._mask = mask
        self._tracked = tracked_pictures(frames, mask)
        self._now = -1
        self._steps: deque[Matrix] = deque()
        """Motion from the current frame to the next, and so on to the last one looked at."""
        self._past: deque[Remembered] = deque(maxlen=KEPT)
        self._future: deque[Remembered] = deque()
        self._to_newest: Matrix = np.eye(3)
        self._since_kept: Matrix = np.eye(3)
        self._next_shot = next(self._tracked, None)

    def advance(self) -> Matrix | None:
        """Go to the next frame and return the motion from it to the one before.

        Return None where it begins a shot; then nothing of the shot before is remembered. Raises
        `EOFError` after the last frame.
        """
        back: Matrix | None = None
        if self._steps:
            back = inverse(self._steps.popleft())
            self._to_newest = self._to_newest @ back
            for other in (*self._past, *self._future):
                other.motion = other.motion @ back
            self._now += 1
            if self._future and self._future[0].picture.number == self._now:
                self._past.append(self._future.popleft())
        elif self._next_shot is not None:
            first, self._next_shot = self._next_shot.picture, None
            self._past.clear()
            self._past.append(Remembered(first, np.eye(3)))
            self._to_newest = self._since_kept = np.eye(3)
            self._now = first.number
        else:
            raise EOFError("there is no frame left")
        self._read_ahead()
        return back

    def others(self) -> list[Remembered]:
        """Return the remembered frames except the current one, the nearest in time first."""
        others = [it for it in (*self._past, *self._future) if it.picture.number != self._now]
        return sorted(others, key=lambda other: abs(other.picture.number - self._now))

    def _read_ahead(self) -> None:
        while self._next_shot is None and len(self._future) < KEPT and len(self._steps) < FARTHEST:
            tracked = next(self._tracked, None)
            if tracked is None:
                return
            if tracked.motion is None:
                self._next_shot = tracked
                return
            self._steps.append(tracked.motion)
            self._to_newest = tracked.motion @ self._to_newest
            self._since_kept = tracked.motion @ self._since_kept
            if self._has_moved(self._since_kept):
                self._future.append(Remembered(tracked.picture, self._to_newest))
                self._since_kept = np.eye(3)

    def _has_moved(self, motion: Matrix) -> bool:
        for part in self._mask.parts:
            moved = np.abs(transformed(motion, part.corners) - part.corners)
            if not (moved / [part.box.width, part.box.height]).max() < STEP:
                return True
        return False
