"""What happens between successive frames: motion, repeated frames, scene cuts.

Everything is measured on small grey pictures of one pass over a video. A cut needs three things:
the picture changes much more than it did just before and after, no part of it is found again
nearby (a fast pan fails here), and the old picture does not come back (a flash fails here).
Dissolves and fades are not cuts: they are made of small changes.
"""

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

THUMBNAIL = (48, 64)
"""Height and width of the pictures compared; every shape is squeezed to it."""

CUT_CHANGE = 0.05
"""Least mean absolute difference (full scale 1) that can be a cut."""

CUT_CONTRAST = 2.5
"""How many times the usual change around it a cut must be."""

CUT_MATCH = 0.6
"""A picture whose parts correlate better than this with the one before is the same shot..."""

LONE_CUT_MATCH = 0.75
"""...or better than this, where the change is `LONE_CONTRAST` times the usual one."""

LONE_CONTRAST = 8.0

REPEAT_CHANGE = 0.0015
"""Mean absolute difference (full scale 1) under which a frame may repeat the one before."""

REPEAT_CONTRAST = 8.0
"""How many times more than a repeated frame its neighbourhood must change; else all is still."""

_FLASH_FRAMES = 3
_NEIGHBOURS = 4


@dataclass(frozen=True)
class ShotMeasures:
    """One entry a frame (`motion`) or frame numbers (`cuts`, `repeats`)."""

    motion: NDArray[np.float32]
    """Mean absolute difference to the frame before, grey, full scale 1; 0 for the first frame."""

    cuts: NDArray[np.int64]
    """Frames that begin a new shot; never frame 0."""

    repeats: NDArray[np.int64]
    """Frames that show the frame before once more while the video around them moves."""


class ShotMeter:
    """Takes the frames of a video one by one, in memory that does not grow with the pictures."""

    def __init__(self) -> None:
        self._recent: deque[NDArray[np.float32]] = deque(maxlen=_FLASH_FRAMES + 2)
        self._motion: list[float] = []
        self._candidates: dict[int, float] = {}

    def add(self, grey: NDArray[np.uint8]) -> None:
        """Take the next frame, ``(H, W)``."""
        small = cv2.resize(
            grey.astype(np.float32), THUMBNAIL[::-1], interpolation=cv2.INTER_AREA
        ) / np.float32(255)
        self._recent.append(small)
        previous = self._recent[-2] if len(self._recent) > 1 else small
        self._motion.append(float(np.abs(small - previous).mean()))
        self._judge(len(self._motion) - 1 - _FLASH_FRAMES)

    def measures(self) -> ShotMeasures:
        """Return what was measured; the frames taken are the whole video."""
        count = len(self._motion)
        for frame in range(max(1, count - _FLASH_FRAMES), count):
            self._judge(frame)
        motion = np.asarray(self._motion, dtype=np.float32)
        cuts = [
            frame
            for frame, match in sorted(self._candidates.items())
            if _is_cut(match, float(motion[frame]), _usual(motion, frame))
        ]
        repeats = [
            frame
            for frame in range(1, count)
            if motion[frame] < REPEAT_CHANGE
            and _usual(motion, frame) > REPEAT_CONTRAST * max(motion[frame], REPEAT_CHANGE / 8)
        ]
        return ShotMeasures(
            motion, np.asarray(cuts, dtype=np.int64), np.asarray(repeats, dtype=np.int64)
        )

    def _judge(self, frame: int) -> None:
        """Remember how well `frame` and those after it match the frame before it, if it matters."""
        if frame < 1 or self._motion[frame] < CUT_CHANGE:
            return
        first = len(self._motion) - len(self._recent)
        before, *after = list(self._recent)[frame - 1 - first :]
        self._candidates[frame] = max(_match(before, picture) for picture in after)


def _is_cut(match: float, change: float, usual: float) -> bool:
    """Whether a frame that changes this much and matches this well begins a new shot."""
    least_match = LONE_CUT_MATCH if change > LONE_CONTRAST * usual else CUT_MATCH
    return match < least_match and change > CUT_CONTRAST * usual


def _usual(motion: NDArray[np.float32], frame: int) -> float:
    """Return the median change around `frame`, without it; 0 for a lone pair of frames."""
    around = np.concatenate(
        (
            motion[max(1, frame - _NEIGHBOURS) : frame],
            motion[frame + 1 : frame + 1 + _NEIGHBOURS],
        )
    )
    return float(np.median(around)) if len(around) else 0.0


def _match(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    """Return how well parts of `after` are found in `before`, moved by up to a quarter: -1...1."""
    height, width = THUMBNAIL
    found = []
    for top in (0, height // 4, height // 2):
        for left in (0, width // 4, width // 2):
            part = after[top : top + height // 2, left : left + width // 2]
            if part.std() < 0.01:
                continue
            scores = cv2.matchTemplate(before, part, cv2.TM_CCOEFF_NORMED)
            found.append(float(scores.max()))
    return float(np.median(found)) if found else 0.0
