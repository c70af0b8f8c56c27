"""A few pictures of a video, decoded from the key frame before them."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from predictor.data.stamps import file_stamp
from predictor.errors import UnreadableVideo
from predictor.media.info import VideoInfo
from predictor.media.video import open_video, probe

Picture = NDArray[np.uint8]
"""``(3, H, W)``, RGB, upright, rounded to 8 bits."""


@lru_cache(maxsize=4096)
def _probed_as(path: Path, stamp: tuple[int, int]) -> VideoInfo:
    return probe(path)


def _probed(path: Path) -> VideoInfo:
    """Return what the header of the file says, read once while the file stays as it is."""
    return _probed_as(path, file_stamp(path))


def pictures_at(path: Path, times: Sequence[Fraction]) -> list[Picture]:
    """Return the pictures shown at exactly these ascending times in seconds.

    Raises `UnreadableVideo` if there is none at one of them.
    """
    wanted = set(times)
    found = []
    with open_video(path, threads=1, info=_probed(path)) as reader:
        for frame in reader.from_time(times[0]):
            if frame.time in wanted:
                found.append(_rounded(frame.image))
            if frame.time >= times[-1]:
                break
    _require_all(path, len(found), len(times))
    return found


def pictures_numbered(path: Path, numbers: Sequence[int]) -> list[Picture]:
    """Return the pictures with these ascending numbers, counted from the first, 0.

    Everything before the last is decoded: for videos whose times do not find their pictures.
    Raises `UnreadableVideo` if there are fewer.
    """
    wanted = set(numbers)
    found = []
    with open_video(path, threads=1, info=_probed(path)) as reader:
        for number, frame in zip(range(numbers[-1] + 1), reader, strict=False):
            if number in wanted:
                found.append(_rounded(frame.image))
    _require_all(path, len(found), len(numbers))
    return found


def all_pictures(path: Path, count: int) -> Iterator[Picture]:
    """Yield the first `count` pictures; raises `UnreadableVideo` if there are fewer."""
    found = 0
    with open_video(path, threads=1, info=_probed(path)) as reader:
        for frame in islice(reader, count):
            found += 1
            yield _rounded(frame.image)
    _require_all(path, found, count)


def _rounded(image: Tensor) -> Picture:
    """Return an image ``(3, H, W)`` in [-1, 1] at 8 bits."""
    return cv2.convertScaleAbs(image.numpy(), alpha=127.5, beta=127.5).astype(np.uint8, copy=False)


def _require_all(path: Path, found: int, count: int) -> None:
    if found != count:
        raise UnreadableVideo(
            f"{path} gave {found} of {count} frames asked for; has it changed since it was indexed?"
        )
