"""Where the holes of a mask are, and how much around each has to be looked at to fill it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

JOINED_PX = 16
"""Missing pixels closer than twice this are one hole: what lies between them is little context."""


class Box(NamedTuple):
    """A part of an image: rows ``top`` to ``bottom`` and columns ``left`` to ``right``, exclusive.

    The part may reach beyond the image.
    """

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.right - self.left

    @property
    def rows(self) -> slice:
        """The rows, to index a picture with."""
        return slice(self.top, self.bottom)

    @property
    def columns(self) -> slice:
        """The columns, to index a picture with."""
        return slice(self.left, self.right)

    @classmethod
    def around(cls, boxes: "Sequence[Box]") -> "Box":
        """Return the smallest box that holds all of `boxes`, which are one or more."""
        tops, lefts, bottoms, rights = zip(*boxes, strict=True)
        return cls(min(tops), min(lefts), max(bottoms), max(rights))

    def grown(self, by: int) -> "Box":
        """Return the box with `by` more pixels on every side."""
        return Box(self.top - by, self.left - by, self.bottom + by, self.right + by)

    def meets(self, other: "Box") -> bool:
        """Return whether the boxes share pixels."""
        return max(self.top, other.top) < min(self.bottom, other.bottom) and max(
            self.left, other.left
        ) < min(self.right, other.right)

    def within(self, height: int, width: int) -> "Box":
        """Return the part of the box that lies in an image of this size."""
        return Box(
            max(0, self.top), max(0, self.left), min(height, self.bottom), min(width, self.right)
        )


@dataclass(frozen=True, eq=False)
class Hole:
    """Missing pixels that belong together."""

    box: Box
    """The smallest part with all of them."""

    pixels: NDArray[np.bool_]
    """Which pixels of `box` are missing and of this hole; others may be missing there too."""

    width_px: float
    """Diameter of the largest disc that fits in: how far apart the context on both sides is."""


def holes_of(mask: NDArray[np.bool_]) -> list[Hole]:
    """Return the holes of a mask ``(H, W)``, True where a pixel is missing.

    Every missing pixel is of exactly one hole. Finding them costs little beyond their own area.
    """
    whole = _box_of(mask)
    if whole is None:
        return []
    part = mask[whole.top : whole.bottom, whole.left : whole.right].astype(np.uint8)
    cells = _any_in_cells(part)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(cells, connectivity=8)
    found = []
    for label, (column, row, columns, rows, _) in enumerate(stats[1:count], 1):
        own = (labels[row : row + rows, column : column + columns] == label).astype(np.uint8)
        own = own.repeat(JOINED_PX, 0).repeat(JOINED_PX, 1)
        top, left = row * JOINED_PX, column * JOINED_PX
        pixels = part[top : top + own.shape[0], left : left + own.shape[1]]
        pixels = pixels & own[: pixels.shape[0], : pixels.shape[1]]
        found.append(_hole(pixels, whole.top + int(top), whole.left + int(left), mask.shape))
    return found


def joined(one: Hole, other: Hole) -> Hole:
    """Return two holes as one, to be filled together; it is as wide as the wider of them."""
    box = Box.around([one.box, other.box])
    pixels = np.zeros((box.height, box.width), np.bool_)
    for hole in (one, other):
        top, left = hole.box.top - box.top, hole.box.left - box.left
        pixels[top : top + hole.box.height, left : left + hole.box.width] |= hole.pixels
    return Hole(box, pixels, max(one.width_px, other.width_px))


def _box_of(mask: NDArray[Any]) -> Box | None:
    """Return the smallest part of `mask` that holds all that is not 0."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return None
    return Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)


def _any_in_cells(part: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return 1 for every cell of `JOINED_PX` squared pixels in which one is missing."""
    side = JOINED_PX
    padded = np.pad(part, ((0, -part.shape[0] % side), (0, -part.shape[1] % side)))
    cells = padded.reshape(padded.shape[0] // side, side, padded.shape[1] // side, side)
    return np.ascontiguousarray(cells.max(axis=(1, 3)))


def _hole(pixels: NDArray[np.uint8], top: int, left: int, size: tuple[int, ...]) -> Hole:
    """Return the hole of the missing `pixels`, whose corner lies at `top` and `left`."""
    tight = _box_of(pixels)
    assert tight is not None
    box = Box(tight.top + top, tight.left + left, tight.bottom + top, tight.right + left)
    inside = pixels[tight.top : tight.bottom, tight.left : tight.right]
    # Beyond the image there is no context: its edge does not end a hole.
    edges = (box.top > 0, box.bottom < size[0], box.left > 0, box.right < size[1])
    above, below, before, after = (int(edge) for edge in edges)
    framed = cv2.copyMakeBorder(inside, above, below, before, after, cv2.BORDER_CONSTANT, value=0)
    if framed.all():
        width_px = 2.0 * max(size)
    else:
        width_px = 2 * float(cv2.distanceTransform(framed, cv2.DIST_L2, 5).max())
    return Hole(box, inside.astype(np.bool_), width_px)
