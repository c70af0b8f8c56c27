"""The windows that scores are measured on: evenly spaced in each clip, frames whole and as is."""

from typing import TypedDict

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from predictor.cadence import CONTEXT_FRAMES
from predictor.data.video_index import VideoIndex
from predictor.data.windows import Window, spread_starts
from predictor.errors import UnusableData


class EvaluationItem(TypedDict):
    """One window."""

    clip: Tensor
    """``(context + targets, 3, H, W)``, float32 in [-1, 1]; sizes differ between videos."""

    name: str
    """The video's name in the index."""

    start: int
    """Number of the first frame in the video."""


class EvaluationWindows(Dataset[EvaluationItem]):
    """Fixed windows of an index, in the order of the videos."""

    def __init__(self, index: VideoIndex, windows: tuple[Window, ...], frames: int) -> None:
        self.index = index
        self.windows = windows
        self.frames = frames

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.windows)

    def __getitem__(self, number: int) -> EvaluationItem:
        """Return one window; raises `IndexError` beyond the last."""
        window = self.windows[number]
        video = self.index.videos[window.video]
        frames = [window.start + step * window.stride for step in range(self.frames)]
        whole = self.index.pictures(video, frames)
        clip = torch.from_numpy(np.stack(whole)) / 127.5 - 1
        return {"clip": clip, "name": video.name, "start": window.start}


def videos_with_windows(
    index: VideoIndex, context: int = CONTEXT_FRAMES, targets: int = 4
) -> set[str]:
    """Return the names of the videos that `evaluation_windows` finds a window in."""
    span = context + targets - 1
    return {video.name for video in index.videos if spread_starts(video, span, 1)}


def evaluation_windows(
    index: VideoIndex, per_clip: int = 5, context: int = CONTEXT_FRAMES, targets: int = 4
) -> EvaluationWindows:
    """Return `per_clip` evenly spaced windows of each video, none with a cut in it.

    Videos with fewer such windows give what they have. Raises `UnusableData` if no video has one.
    """
    frames = context + targets
    windows = tuple(
        Window(number, start, 1)
        for number, video in enumerate(index.videos)
        for start in spread_starts(video, frames - 1, per_clip)
    )
    if not windows:
        where = index.path(index.videos[0]) if len(index.videos) == 1 else index.root
        raise UnusableData(
            f"{where} has no {frames} successive frames without a cut to evaluate on"
        )
    return EvaluationWindows(index, windows, frames)
