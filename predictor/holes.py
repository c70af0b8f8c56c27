"""The holes of a mask: groups of missing pixels, their bounding boxes and their widths."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

JOINED_PX = 16
"""Side of the cells by which missing pixels are grouped into holes: those up to this far apart are
always one hole, those twice as far never."""


class Box(NamedTuple):
    """A rectangle of pixels, which may reach beyond the image.

    Rows are ``top`` to ``bottom`` and columns ``left`` to ``right``, without the ends.
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
        """The rows as an index; only for a box inside the image."""
        return slice(self.top, self.bottom)

    @property
    def columns(self) -> slice:
        """The columns as an index; only for a box inside the image."""
        return slice(self.left, self.right)

    @classmethod
    def around(cls, boxes: "Sequence[Box]") -> "Box":
        """Return the smallest box around one or more `boxes`."""
        tops, lefts, bottoms, rights = zip(*boxes, strict=True)
        return cls(min(tops), min(lefts), max(bottoms), max(rights))

    def grown(self, by: int) -> "Box":
        """Return the box with `by` more pixels on every side."""
        return Box(self.top - by, self.left - by, self.bottom + by, self.right + by)

    def relative_to(self, outer: "Box") -> "Box":
        """Return the box in the coordinates of `outer`, whose top left corner is (0, 0)."""
        return Box(
            self.top - outer.top,
            self.left - outer.left,
            self.bottom - outer.top,
            self.right - outer.left,
        )

    def meets(self, other: "Box") -> bool:
        """Return whether the boxes share pixels."""
        return max(self.top, other.top) < min(self.bottom, other.bottom) and max(
            self.left, other.left
        ) < min(self.right, other.right)

    def within(self, height: int, width: int) -> "Box":
        """Return the box clipped to an image of this size."""
        return Box(
            max(0, self.top), max(0, self.left), min(height, self.bottom), min(width, self.right)
        )


@dataclass(frozen=True, eq=False)
class Hole:
    """A group of missing pixels that are filled together."""

    box: Box
    """The bounding box of the group."""

    pixels: NDArray[np.bool_]
    """Which pixels of `box` are in the group; pixels of other holes may be missing there too."""

    width_px: float
    """Diameter of the largest disc that fits in: the distance between known pixels on both sides.
    Beyond the edge of the image nothing is known."""


def holes_of(mask: NDArray[np.bool_]) -> list[Hole]:
    """Return the holes of a mask ``(H, W)``, True where a pixel is missing.

    Every missing pixel is in exactly one hole. The cost grows with the bounding box of all missing
    pixels, not with the image.
    """
    whole = _box_of(mask)
    if whole is None:
        return []
    part = mask[whole.rows, whole.columns].astype(np.uint8)
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
    """Return the union of two holes; its width is that of the wider one."""
    box = Box.around([one.box, other.box])
    pixels = np.zeros((box.height, box.width), np.bool_)
    for hole in (one, other):
        own = hole.box.relative_to(box)
        pixels[own.rows, own.columns] |= hole.pixels
    return Hole(box, pixels, max(one.width_px, other.width_px))


def _box_of(mask: NDArray[Any]) -> Box | None:
    """Return the bounding box of what is not 0 in `mask`; None if nothing is."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return None
    return Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)


def _any_in_cells(part: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return for each cell of ``JOINED_PX × JOINED_PX`` pixels 1 if any is missing, else 0."""
    side = JOINED_PX
    padded = np.pad(part, ((0, -part.shape[0] % side), (0, -part.shape[1] % side)))
    cells = padded.reshape(padded.shape[0] // side, side, padded.shape[1] // side, side)
    return np.ascontiguousarray(cells.max(axis=(1, 3)))


def _hole(pixels: NDArray[np.uint8], top: int, left: int, size: tuple[int, ...]) -> Hole:
    """Return the hole of `pixels`, whose corner lies at `top` and `left` of an image of `size`."""
    tight = _box_of(pixels)
    assert tight is not None
    box = Box(tight.top + top, tight.left + left, tight.bottom + top, tight.right + left)
    inside = pixels[tight.rows, tight.columns]
    # known pixels end a hole, the edge of the image does not
    edges = (box.top > 0, box.bottom < size[0], box.left > 0, box.right < size[1])
    above, below, before, after = (int(edge) for edge in edges)
    framed = cv2.copyMakeBorder(inside, above, below, before, after, cv2.BORDER_CONSTANT, value=0)
    if framed.all():
        width_px = 2.0 * max(size)
    else:
        width_px = 2 * float(cv2.distanceTransform(framed, cv2.DIST_L2, 5).max())
    return Hole(box, inside.astype(np.bool_), width_px)
