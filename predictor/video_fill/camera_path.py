"""The path of the camera through a clip: its motion between frames, until a new shot begins."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from predictor.data.shots import SETTLING_FRAMES, ShotMeter
from predictor.video_fill.camera import Matrix, camera_motion, inverse
from predictor.video_fill.picture import FixedMask, Picture, scaling

CAMERA_SIDE_PX = 320
"""Longest side of the pictures that the motion of the camera is measured on."""


@dataclass(frozen=True, eq=False)
class TrackedPicture:
    """A frame, and how the camera came to it."""

    picture: Picture
    motion: Matrix | None
    """From the frame before to this one; None where this one begins a shot."""


def tracked_pictures(frames: Iterable[Tensor], mask: FixedMask) -> Iterator[TrackedPicture]:
    """Yield each of `frames` ``(3, H, W)``, a few frames late: cuts show only then."""
    camera, meter = _Camera(mask), ShotMeter()
    waiting: deque[tuple[Picture, Matrix]] = deque()

    def settled() -> TrackedPicture:
        picture, motion = waiting.popleft()
        begins_shot = picture.number == 0 or meter.is_cut(picture.number)
        return TrackedPicture(picture, None if begins_shot else motion)

    for number, image in enumerate(frames):
        picture = mask.picture(number, image)
        waiting.append((picture, camera.motion_to(picture.grey)))
        meter.add(_signed(picture.grey))  # what is under the mask must not show
        if len(waiting) > SETTLING_FRAMES:
            yield settled()
    while waiting:
        yield settled()


def _signed(grey: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(grey)[None].float() / 127.5 - 1


class _Camera:
    """Follows the camera from frame to frame, on pictures small enough to be quick."""

    def __init__(self, mask: FixedMask) -> None:
        height, width = mask.small_missing.shape
        scale = min(1.0, CAMERA_SIDE_PX / max(height, width))
        self._size = max(1, round(width * scale)), max(1, round(height * scale))
        missing = cv2.resize(
            mask.small_missing.astype(np.float32), self._size, interpolation=cv2.INTER_AREA
        )
        self._missing = np.asarray(missing) > 0
        self._to_frame = scaling(self._missing.shape, mask.missing.shape)
        self._before: NDArray[np.uint8] | None = None

    def motion_to(self, grey: NDArray[np.uint8]) -> Matrix:
        """Return the motion from the frame before, in the frame's pixels, to this one, `grey`."""
        small = np.asarray(cv2.resize(grey, self._size, interpolation=cv2.INTER_AREA), np.uint8)
        motion = np.eye(3)
        if self._before is not None:
            motion = camera_motion(self._before, small, self._missing)
        self._before = small
        return self._to_frame @ motion @ inverse(self._to_frame)
