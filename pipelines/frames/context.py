"""The last frames of one shot: what a prediction is made from."""

from collections import deque
from fractions import Fraction

import torch
from torch import Tensor

from pipelines.timecodes import clock, frame_step
from predictor.data.shots import ShotMeter
from predictor.errors import NotEnoughFrames
from predictor.frame_predictor import FEWEST_FRAMES
from predictor.media.video import Frame, VideoInfo, VideoReader
from predictor.wording import counted

CONTEXT_MEMORY = 12
"""Frames that tell a cut from fast motion, and the frame rate; the times of as many are kept."""

_SPARE = 4
"""Spare places in the buffer, so that frames are rarely moved in it; each is 25 MB at 1080p."""


class Context:
    """A sliding window over the newest frames, which is emptied at a scene cut.

    It holds at most `length` frames, in one tensor, and the times of some more.
    """

    def __init__(self, length: int) -> None:
        self.length = max(FEWEST_FRAMES, length)
        self.cut_time: Fraction | None = None
        """When the newest scene cut was; None before the first."""
        self.is_cut = False
        """Whether the newest frame begins a new shot."""
        self._images = torch.empty(0)
        self._count = self._end = 0
        self._times: deque[Fraction] = deque(maxlen=max(CONTEXT_MEMORY, self.length))
        self._meter = ShotMeter()

    def add(self, frame: Frame) -> None:
        """Take the next frame; those before it are forgotten if it begins a new shot."""
        self._times.append(frame.time)
        self._meter.add(frame.image)
        self.is_cut = self._meter.is_cut(self._meter.newest)
        if self.is_cut:
            self.cut_time = frame.time
            self._count = 0
            self._meter = ShotMeter()
            self._meter.add(frame.image)
        self._put(frame.image)

    def _put(self, image: Tensor) -> None:
        if self._end == 0:
            self._images = torch.empty((self.length + _SPARE, *image.shape))
        elif self._end == len(self._images):
            kept = self._images[self._end - self.length + 1 :]
            for place, old in enumerate(kept):  # one by one: the two may overlap
                self._images[place] = old
            self._end = len(kept)
        self._images[self._end] = image
        self._end += 1
        self._count = min(self._count + 1, self.length)

    def __len__(self) -> int:
        return self._count

    @property
    def is_enough(self) -> bool:
        """Whether a prediction can be made."""
        return self._count >= FEWEST_FRAMES

    @property
    def times(self) -> tuple[Fraction, ...]:
        """The times of the frames held, in seconds, oldest first."""
        return tuple(self._times)[-self._count :]

    def clip(self) -> Tensor:
        """Return the frames ``(1, T, 3, H, W)``, T at most `length`, oldest first.

        It is a view that the next `add` may change.
        """
        return self._images[self._end - self._count : self._end][None]

    def step(self, fallback: Fraction) -> Fraction:
        """Return the time from one frame to the next: the median of the last ones, in seconds."""
        return frame_step(list(self._times), fallback)

    def require_enough(self, info: VideoInfo) -> None:
        """Raise `NotEnoughFrames` if no prediction of the clip that `info` names can be made."""
        if self.is_enough:
            return
        name = info.path
        if self.cut_time is not None:
            cut = clock(self.cut_time - info.start_time)
            raise NotEnoughFrames(
                f"{name}: a scene cut at {cut} leaves {len(self)} frame after it, a prediction "
                f"needs at least {FEWEST_FRAMES}; --at TIME continues from another moment"
            )
        raise NotEnoughFrames(
            f"{name}: has {counted(len(self), 'frame')} to predict from, "
            f"a prediction needs at least {FEWEST_FRAMES} (and uses up to {self.length})"
        )


def context_of(reader: VideoReader, length: int, until: Fraction | None = None) -> Context:
    """Return the frames to predict from: the clip's last ones, or the last up to `until` seconds.

    Only these are decoded. Raises `NotEnoughFrames` if they are too few, or if the clip ends long
    before `until`.
    """
    context = Context(length)
    for frame in reader.tail(max(CONTEXT_MEMORY, length), until):
        context.add(frame)
    info = reader.info
    if until is not None and len(context):
        last, step = context.times[-1], context.step(1 / info.average_rate)
        if is_long_over(last, until, step) and next(reader.from_time(until), None) is None:
            require_not_after_end(info, until - info.start_time, last - info.start_time, step)
    context.require_enough(info)
    return context


def require_not_after_end(info: VideoInfo, at: Fraction, last: Fraction, step: Fraction) -> None:
    """Raise `NotEnoughFrames` if the clip, whose last frame is at `last` s, ended before `at` s."""
    if is_long_over(last, at, step):
        raise NotEnoughFrames(
            f"{info.path}: --at {clock(at)} is after its last frame at {clock(last)}; "
            "without --at the prediction continues from there"
        )


def is_long_over(frame: Fraction, time: Fraction, step: Fraction) -> bool:
    """Return whether a frame shown from `frame` s for `step` s ended long before `time` s.

    One more step is tolerated: the length that players show may be that of the sound, which often
    ends a little after the pictures.
    """
    return time > frame + 2 * step
