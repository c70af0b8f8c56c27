"""Which runs of frames of a video make an example."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.data.video_index import IndexedVideo, VideoIndex
from predictor.errors import UnusableData

HALF_WEIGHT_MOTION = 0.004
"""Mean change a step (grey, full scale 1) at which a window has half of the full weight."""

STILL_WEIGHT = 0.03
"""Weight of a window in which nothing moves at all, against 1 for one that moves much."""


@dataclass(frozen=True)
class Window:
    """The frames ``start, start + stride, ...`` of one video."""

    video: int
    """Place in `VideoIndex.videos`."""

    start: int
    stride: int


@dataclass(frozen=True, eq=False)
class WindowTable:
    """Every usable window with the probability of drawing it."""

    videos: NDArray[np.int32]
    starts: NDArray[np.int32]
    strides: NDArray[np.int32]
    cumulative: NDArray[np.float64]
    """Running sum of the probabilities; the last is 1."""

    def __len__(self) -> int:
        return len(self.videos)

    def at(self, fraction: float) -> Window:
        """Return the window that a uniform draw in [0, 1) falls on."""
        row = int(np.searchsorted(self.cumulative, fraction, side="right"))
        row = min(row, len(self) - 1)
        return Window(int(self.videos[row]), int(self.starts[row]), int(self.strides[row]))


def cut_free_starts(video: IndexedVideo, span: int) -> NDArray[np.int64]:
    """Return every frame number from which `span` more frames follow in the same shot."""
    count = video.frame_count - span
    if count <= 0:
        return np.zeros(0, dtype=np.int64)
    shot = np.zeros(video.frame_count, dtype=np.int64)
    shot[video.cuts] = 1
    shot = np.cumsum(shot)
    return np.flatnonzero(shot[:count] == shot[span:])


def window_table(
    index: VideoIndex,
    frames: int,
    strides: Sequence[int],
    *,
    lowest_rate_hz: float,
    by_motion: bool,
    repeats_share: float,
) -> WindowTable:
    """Return all windows of `frames` frames without a cut.

    A stride above 1 is used where at least `lowest_rate_hz` frames per second remain. `by_motion`
    makes windows likelier the more they move (`HALF_WEIGHT_MOTION`, `STILL_WEIGHT`), else all are
    equal. Windows with repeated frames are at most `repeats_share` of all draws, unless there are
    no others.

    Raises `UnusableData` if there is no window.
    """
    columns: list[tuple[NDArray[np.int64], ...]] = []
    weights: list[NDArray[np.float64]] = []
    repeated: list[NDArray[np.bool_]] = []
    for number, video in enumerate(index.videos):
        moved = np.cumsum(video.motion, dtype=np.float64)
        repeats = np.zeros(video.frame_count, dtype=np.int64)
        repeats[video.repeats] = 1
        repeats = np.cumsum(repeats)
        for stride in strides:
            if stride > 1 and video.rate_hz / stride < lowest_rate_hz:
                continue
            span = (frames - 1) * stride
            starts = cut_free_starts(video, span)
            motion = (moved[starts + span] - moved[starts]) / max(frames - 1, 1)
            columns.append((np.full_like(starts, number), starts, np.full_like(starts, stride)))
            weights.append(
                STILL_WEIGHT + (1 - STILL_WEIGHT) * motion / (motion + HALF_WEIGHT_MOTION)
                if by_motion
                else np.ones(len(starts))
            )
            repeated.append(repeats[starts + span] > repeats[starts])
    if not sum(map(len, weights)):
        raise UnusableData(
            f"{index.root} has no {frames} successive frames without a cut in any of its "
            f"{len(index.videos)} videos"
        )
    weight = _with_share(np.concatenate(weights), np.concatenate(repeated), repeats_share)
    kept = weight > 0
    column = [np.concatenate(parts)[kept].astype(np.int32) for parts in zip(*columns, strict=True)]
    cumulative = np.cumsum(weight[kept])
    return WindowTable(column[0], column[1], column[2], cumulative / cumulative[-1])


def _with_share(
    weight: NDArray[np.float64], limited: NDArray[np.bool_], share: float
) -> NDArray[np.float64]:
    """Return weights of which the `limited` ones make up no more than `share` of the sum."""
    free, bound = weight[~limited].sum(), weight[limited].sum()
    if free == 0 or bound <= share * (free + bound):
        return weight
    return np.where(limited, weight * (share * free / ((1 - share) * bound)), weight)


def spread_starts(video: IndexedVideo, span: int, count: int) -> list[int]:
    """Return up to `count` evenly spaced starts of `span` more frames without a cut, ascending."""
    starts = cut_free_starts(video, span)
    if not len(starts):
        return []
    chosen = np.linspace(0, len(starts) - 1, min(count, len(starts)))
    return [int(starts[place]) for place in np.round(chosen).astype(np.int64)]
