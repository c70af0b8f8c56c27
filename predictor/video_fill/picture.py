"""A frame as it is kept for filling others: its pixels, and a small grey copy to find motion in."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from predictor.flow import luma
from predictor.holes import Box, Hole, holes_of
from predictor.smooth_fill import known_means, smooth_fill

FLOW_SIDE_PX = 512
"""Longest side of the surroundings of a hole in which motion is searched; larger are shrunk."""

CELL_PX = 4

_LEVELS = np.float32(65535 / 2)


@dataclass(frozen=True, eq=False)
class Picture:
    """A remembered frame; it takes 6 bytes per pixel and little more."""

    number: int
    pixels: NDArray[np.uint16]
    """``(H, W, 3)``, RGB; what is missing is grey, or filled."""
    grey: NDArray[np.uint8]
    """``(h, w)``, made smaller, its hole filled smoothly."""
    real: NDArray[np.float32] | None = None
    """Of a filled frame, ``(H, W)``: how much of each pixel was seen in some frame, not made up."""


@dataclass(frozen=True, eq=False)
class Part:
    """One hole of the mask."""

    hole: Hole
    around: Box
    """The hole and as much around it as is used to find its motion and its brightness."""

    @property
    def box(self) -> Box:
        """The smallest part of the frame with all of the hole."""
        return self.hole.box

    @property
    def corners(self) -> NDArray[np.float64]:
        """The corners ``(4, 2)`` of the box, x first."""
        top, left, bottom, right = self.box
        return np.array([[left, top], [right, top], [left, bottom], [right, bottom]], np.float64)


@dataclass(frozen=True, eq=False)
class FixedMask:
    """What all frames of a clip share: the missing pixels, the holes they form, and the sizes."""

    missing: NDArray[np.bool_]
    """``(H, W)``."""
    parts: tuple[Part, ...]
    small_missing: NDArray[np.bool_]
    """``(h, w)``, in the size of the grey pictures."""

    @classmethod
    def of(cls, missing: NDArray[np.bool_]) -> "FixedMask":
        """Return what there is to know of `missing` ``(H, W)``, with at least one missing pixel."""
        height, width = missing.shape
        parts = []
        for hole in holes_of(missing):
            margin = max(24, max(hole.box.height, hole.box.width) // 2)
            parts.append(Part(hole, hole.box.grown(margin).within(height, width)))
        longest = max(max(part.around.height, part.around.width) for part in parts)
        scale = min(1.0, FLOW_SIDE_PX / longest)
        size = max(1, round(height * scale)), max(1, round(width * scale))
        planes = torch.from_numpy(missing)[None, None].float()
        small = known_means(planes, planes, size)[1]
        return cls(missing, tuple(parts), small[0, 0].numpy() > 0)

    @property
    def scale(self) -> NDArray[np.float64]:
        """The matrix from the coordinates of the grey picture to those of the frame, ``(3, 3)``."""
        return scaling(self.small_missing.shape, self.missing.shape)

    def picture(self, number: int, image: Tensor) -> Picture:
        """Return what is remembered of `image` ``(3, H, W)`` in [-1, 1], frame `number`."""
        missing = torch.from_numpy(self.missing)[None, None].float()
        shown = known_means(luma(image[None]), missing, self.small_missing.shape)[0]
        grey = (shown[0, 0].numpy() + 1) * np.float32(127.5)
        known = (~self.small_missing).astype(np.float32)
        grey = np.where(self.small_missing, spread(grey[..., None], known)[..., 0], grey)
        pixels = levels(image)
        pixels[self.missing] = round(float(_LEVELS))
        return Picture(number, pixels, np.rint(grey).clip(0, 255).astype(np.uint8))


def scaling(small: tuple[int, ...], large: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the matrix ``(3, 3)`` from pixels of one size ``(height, width)`` to another."""
    down, right = large[0] / small[0], large[1] / small[1]
    return np.array([[right, 0, (right - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1]])


def levels(image: Tensor) -> NDArray[np.uint16]:
    """Return `image` ``(3, H, W)`` in [-1, 1] as ``(H, W, 3)`` with 16 bits."""
    codes = (cv2.merge(list(image.float().numpy())) + 1) * _LEVELS
    return np.rint(codes).clip(0, 65535).astype(np.uint16)


def colours(codes: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Return the inverse of `levels`, ``(H, W, 3)``."""
    return codes.astype(np.float32) / _LEVELS - 1


def spread(planes: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return `planes` ``(h, w, C)`` averaged over small cells, continued where `weights` are 0.

    `weights` are ``(h, w)``, 0 or more.
    """
    height, width = weights.shape
    images = torch.from_numpy(planes).permute(2, 0, 1)[None]
    parts = torch.from_numpy(weights.astype(np.float32))[None, None]
    size = (-(-height // CELL_PX), -(-width // CELL_PX))
    total = functional.interpolate(images * parts, size, mode="area")
    share = functional.interpolate(parts, size, mode="area")
    cells = smooth_fill(total / share.clamp_min(1e-6), (share < 0.1).float())
    spread = functional.interpolate(cells, (height, width), mode="bilinear", align_corners=False)
    return np.ascontiguousarray(spread[0].permute(1, 2, 0).numpy())
