"""A first look at every frame of a clip: how the camera moved, or that a new shot begins."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from predictor.data.shots import THUMBNAIL, ShotMeter
from predictor.video_fill.camera import Matrix, camera_motion, inverse
from predictor.video_fill.picture import Picture, Stage, scaling

CAMERA_SIDE_PX = 320
"""Longest side of the pictures that the motion of the camera is measured on."""

_SETTLED = 4  # frames that must follow one to tell whether it begins a shot
_REMEMBERED = 12  # thumbnails that show how much change is usual


@dataclass(frozen=True, eq=False)
class Look:
    """A frame as it is first seen."""

    picture: Picture
    motion: Matrix | None
    """From the frame before to this one; None where this one begins a shot."""


def looks(frames: Iterable[Tensor], stage: Stage) -> Iterator[Look]:
    """Yield a look at each of `frames` ``(3, H, W)``, a few frames late: cuts show only then."""
    camera = _Camera(stage)
    waiting: deque[tuple[Picture, Matrix]] = deque()
    thumbnails: deque[Tensor] = deque(maxlen=_REMEMBERED)
    for number, image in enumerate(frames):
        picture = stage.picture(number, image)
        waiting.append((picture, camera.motion_to(picture.grey)))
        thumbnails.append(_thumbnail(picture.grey))
        if len(waiting) > _SETTLED:
            yield _settled(waiting, thumbnails)
    while waiting:
        yield _settled(waiting, thumbnails)


def _settled(waiting: deque[tuple[Picture, Matrix]], thumbnails: Iterable[Tensor]) -> Look:
    """Return the look at the first waiting frame; the other waiting frames are those after it."""
    picture, motion = waiting.popleft()
    seen = list(thumbnails)
    meter = ShotMeter()
    for thumbnail in seen:
        meter.add(thumbnail)
    is_cut = len(seen) - 1 - len(waiting) in meter.measures().cuts
    return Look(picture, None if is_cut or picture.number == 0 else motion)


def _thumbnail(grey: NDArray[np.uint8]) -> Tensor:
    planes = torch.from_numpy(grey)[None].float() / 127.5 - 1
    return functional.adaptive_avg_pool2d(planes, THUMBNAIL).expand(3, -1, -1)


class _Camera:
    """Follows the camera from frame to frame, on pictures small enough to be quick."""

    def __init__(self, stage: Stage) -> None:
        height, width = stage.small_missing.shape
        scale = min(1.0, CAMERA_SIDE_PX / max(height, width))
        self._size = max(1, round(width * scale)), max(1, round(height * scale))
        missing = cv2.resize(
            stage.small_missing.astype(np.float32), self._size, interpolation=cv2.INTER_AREA
        )
        self._missing = np.asarray(missing) > 0
        self._to_frame = scaling(self._missing.shape, stage.missing.shape)
        self._before: NDArray[np.uint8] | None = None

    def motion_to(self, grey: NDArray[np.uint8]) -> Matrix:
        """Return the motion from the frame before, in the frame's pixels, to this one, `grey`."""
        small = np.asarray(cv2.resize(grey, self._size, interpolation=cv2.INTER_AREA), np.uint8)
        motion = np.eye(3)
        if self._before is not None:
            motion = camera_motion(self._before, small, self._missing)
        self._before = small
        return self._to_frame @ motion @ inverse(self._to_frame)
