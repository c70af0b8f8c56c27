"""Read videos: their properties, all pictures, those from a time on, or only the last ones."""

import itertools
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import av

from predictor.errors import UnreadableVideo
from predictor.media.colour import ColorTags, PictureDecoder
from predictor.media.decoding import StreamDecoder
from predictor.media.folder import DEFAULT_RATE, folder_frames, folder_info
from predictor.media.frame import Frame
from predictor.media.info import VideoInfo, file_info

__all__ = ["ColorTags", "Frame", "VideoInfo", "VideoReader", "open_video", "probe"]

# These have no time stamps, or too few to tell the time after a seek.
_WITHOUT_SEEKING = ("mpeg", "mpegvideo", "m4v", "h264", "hevc", "vvc", "obu")


def probe(path: Path, rate: Fraction = DEFAULT_RATE) -> VideoInfo:
    """Return the properties of the video file or the folder of pictures at `path`.

    `rate` is that of a folder. Raises `UnreadableVideo` where no picture can be decoded.
    """
    return folder_info(path, rate) if path.is_dir() else file_info(path)


def open_video(
    path: Path,
    threads: int | None = None,
    *,
    rate: Fraction = DEFAULT_RATE,
    info: VideoInfo | None = None,
) -> "VideoReader":
    """Return a reader of the video file or the folder of pictures at `path`.

    `threads` decode (None: as many as are useful); `rate` is that of a folder; `info` spares the
    probing of a file that was probed before. Raises `UnreadableVideo`.
    """
    return VideoReader(info or probe(path, rate), threads)


class VideoReader:
    """Reads a video in constant memory, as often as asked; a context manager.

    What can be decoded is yielded; `truncated` says in words what could not. A picture of another
    size raises `UnreadableVideo`, since a clip has one size.
    """

    def __init__(self, info: VideoInfo, threads: int | None = None) -> None:
        self.info = info
        self._stream = StreamDecoder(info, threads)
        self._pictures = PictureDecoder(info.rotation_deg, info.is_mirrored)

    @property
    def truncated(self) -> str | None:
        """What was wrong with the parts read so far, in words, or None."""
        return self._stream.damage

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all readings that are still going on."""
        self._stream.close()

    def __iter__(self) -> Iterator[Frame]:
        return self._frames(None)

    def from_time(self, time: Fraction) -> Iterator[Frame]:
        """Yield the frames shown at `time` seconds or later, decoding from the key frame before."""
        for frames in self._ever_earlier(time, Fraction(1)):
            first = next(frames, None)
            if first is not None and first.time <= time:
                break
        started = itertools.chain([] if first is None else [first], frames)
        return itertools.dropwhile(lambda frame: frame.time < time, started)

    def tail(self, count: int, until: Fraction | None = None) -> list[Frame]:
        """Return the last `count` frames, oldest first, or all if there are fewer.

        With `until`, the last whose time is not after it. Only the last groups of pictures are
        decoded, where the container can seek.
        """
        spare = 0 if self.info.path.is_dir() else 1  # for frame times that are not quite regular
        span = (count + spare) / self.info.average_rate
        end = self._end_time() if until is None else until
        recent: deque[Frame] = deque(maxlen=count)
        for frames in self._ever_earlier(end - span, span):
            recent.clear()
            for frame in frames:
                if until is not None and frame.time > until:
                    break
                recent.append(frame)
            if len(recent) == count:
                break
        return list(recent)

    def _ever_earlier(self, time: Fraction, step: Fraction) -> Iterator[Iterator[Frame]]:
        """Yield readings that begin at `time`, then ever earlier, the last at the first frame."""
        if self.info.container not in _WITHOUT_SEEKING:
            while time > self.info.start_time:
                yield self._frames(time)
                time -= step
                step *= 2
        yield self._frames(None)

    def _end_time(self) -> Fraction:
        if self.info.path.is_dir():
            return (self.info.frame_count or 0) / self.info.average_rate
        if self.info.duration_s is None:
            return self._stream.last_packet_time()
        return self.info.start_time + Fraction(self.info.duration_s)

    def _frames(self, time: Fraction | None) -> Iterator[Frame]:
        """Yield frames from the key frame before `time` on, or from the first."""
        if self.info.path.is_dir():
            number = 0 if time is None else int(time * self.info.average_rate)
            yield from folder_frames(self.info, number)
            return
        step = 1 / self.info.average_rate
        last: Fraction | None = None
        for picture in self._stream.frames(time):
            shown = None if picture.pts is None else picture.pts * self.info.time_base
            if shown is None:
                shown = self.info.start_time if last is None else last + step
            elif last is not None and shown <= last:
                shown = last + (self._half(step) if shown > last - step else step)
            last = shown
            self._require_size(picture, shown)
            duration = picture.duration * self.info.time_base if picture.duration else None
            yield Frame(shown, duration, partial(self._pictures.tensor, picture), picture)

    def _half(self, step: Fraction) -> Fraction:
        """Return half of a `step` from frame to frame by the file's clock, or all of it if coarse.

        A frame at the time of the one before is shown between that and the next, so that no other
        frame is late.
        """
        clock = self.info.time_base
        return step // (2 * clock) * clock or step

    def _require_size(self, picture: av.VideoFrame, time: Fraction) -> None:
        height, width = self.info.coded_size
        if (picture.height, picture.width) != (height, width):
            shown_s = float(time - self.info.start_time)
            raise UnreadableVideo(
                f"{self.info.path} changes from {width}x{height} to "
                f"{picture.width}x{picture.height} at {shown_s:.3f} s, expected one size"
            )
