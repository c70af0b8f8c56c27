"""Encode a video again, and copy everything else that its source carries."""

import contextlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from torch import Tensor

from pipelines.appending.stream_copy import OtherStreams, clock_start
from predictor.media.encoding import EncodingOptions, VideoWriter
from predictor.media.info import VideoInfo


class Reencoding:
    """Writes `destination` like the source that `info` names; a context manager.

    Pictures are encoded as `options` say, by default as the source is and visually lossless; audio,
    subtitles, chapters and the like are copied, up to `until` s. All times given are the source's;
    its time `start` becomes 0, in a container of another kind than the source's. `destination` is a
    path from `atomic_output`. Raises as `VideoWriter` and `OtherStreams` do.
    """

    def __init__(
        self,
        info: VideoInfo,
        destination: Path,
        options: EncodingOptions | None = None,
        until: Fraction | None = None,
    ) -> None:
        with contextlib.ExitStack() as made:
            self.writer = made.enter_context(
                VideoWriter(destination, info, info.size, info.average_rate, options)
            )
            self.start = clock_start(info, self.writer.output)
            self._end = Fraction(0)
            self._others: OtherStreams | None = None
            if not info.path.is_dir():
                self._others = made.enter_context(
                    OtherStreams(info.path, self.writer.output, until, self.start)
                )
            self._stack = made.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self._stack.__exit__(kind, error, traceback)
            return
        with self._stack:
            if self._others is not None:
                self._others.write_due(None)
                self._others.lengthen(self._end)

    @property
    def dropped(self) -> tuple[str, ...]:
        """What the source has and `destination` has not, in words; all is known at the end."""
        others = () if self._others is None else tuple(self._others.dropped)
        return (*others, *self.writer.lost)

    def write(
        self,
        image: Tensor,
        time: Fraction,
        duration: Fraction | None = None,
        retouch: Callable[[av.VideoFrame], None] | None = None,
    ) -> None:
        """Write a picture as `VideoWriter.write` does, after the packets that come before it."""
        if self._others is not None:
            self._others.write_due(time)
        self.writer.write(image, time - self.start, duration, retouch)
        self._end = time - self.start + (duration or 1 / self.writer.rate)
