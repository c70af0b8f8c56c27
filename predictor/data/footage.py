"""Pictures of a video or of a folder of frames: all of them once, or a few by number."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from torch import Tensor

from predictor.errors import UnreadableVideo
from predictor.media.colour import PictureDecoder
from predictor.media.images import is_image_path, read_image

Picture = NDArray[np.uint8]
"""``(3, H, W)``, RGB, as displayed, rounded to 8 bits: what a packed copy holds too."""

FOLDER_RATE = Fraction(25)
"""Frames per second of a folder of frames, which does not say its own."""


@dataclass(frozen=True)
class TimedGrey:
    """One frame of an indexing pass."""

    timestamp: int
    time_base: Fraction
    is_keyframe: bool
    grey: NDArray[np.uint8]
    """``(H, W)``, in the orientation of the file."""

    size: tuple[int, int]
    """``(height, width)`` as displayed."""


def frame_paths(folder: Path) -> list[Path]:
    """Return the images directly in `folder`, numbers in their order."""
    return sorted(
        (path for path in folder.iterdir() if is_image_path(path)),
        key=lambda path: (len(path.stem), path.stem) if path.stem.isdigit() else (0, path.stem),
    )


def grey_frames(path: Path) -> Iterator[TimedGrey]:
    """Yield every frame once, in order of presentation.

    Raises `UnreadableVideo` where the file cannot be opened or decoding fails.
    """
    if path.is_dir():
        for number, image in enumerate(frame_paths(path)):
            grey = _rounded(read_image(image))[1]
            yield TimedGrey(number, 1 / FOLDER_RATE, True, grey, (grey.shape[0], grey.shape[1]))
        return
    try:
        with av.open(str(path)) as container:
            for timestamp, frame in _decoded(container, path, None, None):
                height, width = frame.height, frame.width
                size = (width, height) if frame.rotation % 180 else (height, width)
                base = frame.time_base or Fraction(1)
                yield TimedGrey(timestamp, base, frame.key_frame, _luma(frame), size)
    except av.FFmpegError as error:
        raise UnreadableVideo(f"{path} cannot be decoded: {error.strerror}") from error


def pictures(
    path: Path, frames: Sequence[int], timestamps: NDArray[np.int64], keyframes: NDArray[np.int64]
) -> list[Picture]:
    """Return the frames with these ascending numbers, decoding only from the keyframe before.

    `timestamps` and `keyframes` are those of the index. Raises `UnreadableVideo` if the file has
    changed since it was indexed.
    """
    if path.is_dir():
        paths = frame_paths(path)
        return [_rounded(read_image(paths[number])) for number in frames]
    start = int(keyframes[np.searchsorted(keyframes, frames[0], side="right") - 1])
    try:
        with av.open(str(path)) as container:
            found = _pictures_from(container, path, start, frames, timestamps)
        if found is None:
            with av.open(str(path)) as container:
                found = _pictures_from(container, path, 0, frames, timestamps)
    except av.FFmpegError as error:
        raise UnreadableVideo(f"{path} cannot be decoded: {error.strerror}") from error
    if found is None:
        raise UnreadableVideo(f"{path} lacks frames that it had when it was indexed")
    return found


def _pictures_from(
    container: av.container.InputContainer,
    path: Path,
    start: int,
    frames: Sequence[int],
    timestamps: NDArray[np.int64],
) -> list[Picture] | None:
    """Return the frames, or None where decoding from `start` did not give all of them."""
    wanted = {int(timestamps[number]) for number in frames}
    first, last = int(timestamps[frames[0]]), int(timestamps[frames[-1]])
    origin = int(timestamps[start]) if start else None
    found: list[Picture] = []
    decoder: PictureDecoder | None = None
    for timestamp, frame in _decoded(container, path, origin, first):
        if timestamp in wanted:
            decoder = decoder or PictureDecoder(-frame.rotation % 360)
            found.append(_rounded(decoder.tensor(frame)))
        if timestamp >= last:
            break
    return found if len(found) == len(frames) else None


def _decoded(
    container: av.container.InputContainer, path: Path, start: int | None, needed: int | None
) -> Iterator[tuple[int, VideoFrame]]:
    """Yield frames with their timestamps, from the keyframe at `start` or from the beginning.

    Frames before the time `needed` may be missing: those that no other frame refers to.
    """
    if not container.streams.video:
        raise UnreadableVideo(f"{path} has no video stream")
    stream = container.streams.video[0]
    stream.codec_context.thread_count = 1
    if start is not None:
        container.seek(start, stream=stream)
    for packet in container.demux(stream):
        is_early = needed is not None and packet.pts is not None and packet.pts < needed
        stream.codec_context.skip_frame = "NONREF" if is_early else "DEFAULT"
        for frame in packet.decode():
            if frame.pts is not None:
                yield frame.pts, frame


def _luma(frame: VideoFrame) -> NDArray[np.uint8]:
    """Return the brightness ``(H, W)``, without a conversion where the frame has it as a plane."""
    if frame.format.name in {"yuv420p", "yuvj420p", "yuv422p", "yuv444p", "nv12", "gray"}:
        plane = frame.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        return rows[:, : frame.width]
    return frame.to_ndarray(format="gray").astype(np.uint8, copy=False)


def _rounded(image: Tensor) -> Picture:
    """Return an image ``(3, H, W)`` in [-1, 1] at 8 bits."""
    return cv2.convertScaleAbs(image.numpy(), alpha=127.5, beta=127.5).astype(np.uint8, copy=False)
