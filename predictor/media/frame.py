"""One picture of a video."""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

import av
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Frame:
    """A decoded picture: its `image`, and when it is shown.

    `time` is in seconds on the file's timeline, exact. `duration` is None where the file does not
    say how long the picture stays. `image` is made when it is first asked for, so that a frame
    that is skipped costs its decoding and no more.
    """

    time: Fraction
    duration: Fraction | None
    _picture: Callable[[], Tensor] = field(repr=False)
    coded: av.VideoFrame | None = field(default=None, repr=False)
    """The picture as it was decoded, not turned; None for one of a folder."""

    @cached_property
    def image(self) -> Tensor:
        """``(3, H, W)`` float32 RGB in [-1, 1], upright."""
        return self._picture()
