"""Repeated frames in a clip and their rhythm, as a conversion of the frame rate leaves them.

Film shown at 30 Hz repeats one frame in five, animation drawn "on twos" every second one. A
prediction has to know which frames are new, for the motion between them, and whether the next one
will be new.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from torch import Tensor

from predictor.errors import TensorContractError

STILL_LEVEL = 0.4 / 127.5
"""Mean absolute change, in [-1, 1], up to which a clip counts as still."""

REPEAT_SHARE = 0.12
"""A frame that changes by less than this share of the usual change repeats the one before it."""

LONGEST_PERIOD = 6
"""Longest rhythm that is looked for, in frames."""

CONTEXT_FRAMES = 2 * LONGEST_PERIOD
"""Frames that show the longest rhythm twice: what a prediction is made from by default."""

SAMPLED_SIDE_PX = 180
"""Frames are compared at every k-th pixel, k such that their short side keeps at least so many."""


@dataclass(frozen=True)
class Cadence:
    """Which frames of a clip repeat the one before them, and in what rhythm."""

    repeats: tuple[bool, ...]
    """For each frame, whether it is a repeat; the first never is."""

    period: int | None
    """Frames after which the pattern of repeats recurs; None without a rhythm."""

    @property
    def distinct(self) -> list[int]:
        """Indices of the frames that are new."""
        return [place for place, is_repeat in enumerate(self.repeats) if not is_repeat]

    def will_repeat(self, ahead: int) -> bool:
        """Return whether the frame `ahead` frames after the last (1 = the next) will be a repeat.

        Without a rhythm every frame is expected to be new.
        """
        if self.period is None:
            return False
        place = len(self.repeats) - 1 + ahead
        while place >= len(self.repeats):
            place -= self.period
        return self.repeats[place]


def clip_cadence(clip: Tensor) -> Cadence:
    """Return the cadence of one clip ``(T, 3, H, W)`` in [-1, 1].

    A clip that stands still, comes to rest, or in which everything moves, has no repeats. A rhythm
    needs to be seen twice, so 12 frames show periods up to 6. Raises `TensorContractError`, also
    for values that are not finite.
    """
    if clip.ndim != 4:
        raise TensorContractError(f"clip has shape {tuple(clip.shape)}, expected (T, 3, H, W)")
    step = max(1, min(clip.shape[-2:]) // SAMPLED_SIDE_PX)
    sampled = clip[..., ::step, ::step]
    changes = (sampled[1:] - sampled[:-1]).abs().mean(dim=(1, 2, 3)).tolist()
    if not math.isfinite(sum(changes)):
        raise TensorContractError("clip has values that are not finite, expected [-1, 1]")
    largest = max(changes, default=0.0)
    if largest <= STILL_LEVEL:
        return Cadence((False,) * clip.shape[0], None)
    # repeats may outnumber new frames, so the usual change is the median of the large ones
    usual = statistics.median(change for change in changes if change > largest / 2)
    repeats = (False, *(change < REPEAT_SHARE * usual for change in changes))
    period = _period(repeats[1:]) if any(repeats) else None
    if period is None and _comes_to_rest(repeats):
        return Cadence((False,) * clip.shape[0], None)
    return Cadence(repeats, period)


def _comes_to_rest(repeats: Sequence[bool]) -> bool:
    """Return whether the clip ends in two or more repeats, a longer run than any before."""
    *earlier, last = [len(list(run)) if is_repeat else 0 for is_repeat, run in groupby(repeats)]
    return last >= 2 and last > max(earlier, default=0)


def _period(repeats: Sequence[bool]) -> int | None:
    """Return the shortest period of `repeats`, or None.

    There must be two repeats or more, and two periods less one frame.
    """
    if sum(repeats) < 2:
        return None
    for period in range(2, LONGEST_PERIOD + 1):
        if len(repeats) < 2 * period - 1:
            return None
        if all(a == b for a, b in zip(repeats, repeats[period:], strict=False)):
            return period
    return None
