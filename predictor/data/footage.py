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

from predictor.errors import UnreadableImage, UnreadableVideo

Picture = NDArray[np.uint8]
"""``(H, W, 3)``, RGB, as displayed."""

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".gif", ".y4m", ".ts", ".m2ts", ".mts"}
    | {".mpg", ".mpeg", ".wmv", ".flv", ".ogv", ".3gp"}
)
IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})

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
        (path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES),
        key=lambda path: (len(path.stem), path.stem) if path.stem.isdigit() else (0, path.stem),
    )


def grey_frames(path: Path) -> Iterator[TimedGrey]:
    """Yield every frame once, in order of presentation.

    Raises `UnreadableVideo` where the file cannot be opened or decoding fails.
    """
    if path.is_dir():
        for number, image in enumerate(frame_paths(path)):
            grey = cv2.cvtColor(_image(image), cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)
            yield TimedGrey(number, 1 / FOLDER_RATE, True, grey, grey.shape)
        return
    try:
        with av.open(str(path)) as container:
            for timestamp, frame in _decoded(container, path, None):
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
        return [_image(paths[number]) for number in frames]
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
    last = int(timestamps[frames[-1]])
    found: list[Picture] = []
    for timestamp, frame in _decoded(container, path, int(timestamps[start]) if start else None):
        if timestamp in wanted:
            found.append(_rgb(frame))
        if timestamp >= last:
            break
    return found if len(found) == len(frames) else None


def _decoded(
    container: av.container.InputContainer, path: Path, start: int | None
) -> Iterator[tuple[int, VideoFrame]]:
    """Yield frames with their timestamps, from the keyframe at `start` or from the beginning."""
    if not container.streams.video:
        raise UnreadableVideo(f"{path} has no video stream")
    stream = container.streams.video[0]
    stream.codec_context.thread_count = 1
    if start is not None:
        container.seek(start, stream=stream)
    for frame in container.decode(stream):
        if frame.pts is not None:
            yield frame.pts, frame


def _luma(frame: VideoFrame) -> NDArray[np.uint8]:
    """Return the brightness ``(H, W)``, without a conversion where the frame has it as a plane."""
    if frame.format.name in {"yuv420p", "yuvj420p", "yuv422p", "yuv444p", "nv12", "gray"}:
        plane = frame.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        return rows[:, : frame.width]
    return frame.to_ndarray(format="gray").astype(np.uint8, copy=False)


def _rgb(frame: VideoFrame) -> Picture:
    picture = frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
    turns = round(frame.rotation / 90) % 4
    return np.rot90(picture, turns).copy() if turns else picture


def _image(path: Path) -> Picture:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise UnreadableImage(f"{path} cannot be decoded as an image")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
