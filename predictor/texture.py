"""Fine detail for a filled hole, copied from similar places of the same image.

A network trained to be right on average fills smoothly what it cannot know. Its fill is divided
into small squares, the cells. For every cell of the hole the known cell with the most similar
surroundings is found, and the most frequent displacements between such pairs are kept. Each cell of
the hole takes one of these displacements, preferably that of its neighbours, and copies the detail
found there: so grass gets the detail of this grass, in pieces large enough not to look repeated.

The statistics of displacements are those of He and Sun 2012; adding detail of the surroundings to a
coarse fill is the contextual residual aggregation of Yi et al. 2020. Nothing is learned.
"""

import itertools
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

CELL_PX = 4
"""Side of a cell, for a fill made at full size."""

WINDOW_CELLS = 9
"""Side of the square of cells around a cell, its surroundings, by which cells are compared."""

BLOCKS = 3
"""Blocks on a side of the surroundings; the means of the blocks are compared."""

DETAIL_PX = 3.0
"""Deviation of the Gaussian blur whose difference to an image is its detail, at full size."""

DISPLACEMENTS = 24
"""Displacements that are kept, the most frequent ones."""

AGREEMENT = 0.02
"""Squared difference of colour, in [-1, 1], that outweighs the agreement with one neighbour."""

ROUNDS = 8
"""Passes over the cells in which they follow their neighbours, at most."""

SOURCES = 4096
"""Known cells to compare with, at most: of more, every second, third … row and column is taken."""

_COMPARISONS = 2_000_000  # of a cell with a source, at a time
_IMPOSSIBLE = 100.0  # cost of a displacement that leads out of the image or into the hole

_Image = NDArray[np.float32]
_Flags = NDArray[np.bool_]
_Numbers = NDArray[np.int64]


def with_detail(filled: _Image, missing: _Flags, strength: float, scale: float = 1.0) -> _Image:
    """Return `filled` ``(H, W, 3)`` in [-1, 1] with detail added where `missing` is True.

    `missing` is ``(H, W)``. `strength` is the share of the detail that is added: 1 looks sharpest,
    but adds the largest error where the detail is wrong. The fill is assumed to lack detail of a
    few pixels times `scale`: a fill made at a third of the size has a `scale` of 3. Known pixels
    are kept exactly. Returns `filled` itself where the image is too small, or too little of it is
    known, to take detail from.
    """
    cell = max(1, round(CELL_PX * scale))
    if min(missing.shape) < 2 * cell or not missing.any():
        return filled
    grid = _Grid.of(filled, missing, cell)
    displacements = _displacements(grid)
    if not len(displacements):
        return filled
    chosen = _chosen(grid, displacements)
    detail = _detail(filled, missing, DETAIL_PX * cell / CELL_PX)
    moved = _moved(detail, missing, displacements * cell, chosen, cell)
    return np.where(missing[..., None], filled + strength * moved, filled)


class _Grid(NamedTuple):
    """An image divided into cells; incomplete ones at its lower and right edge are left out."""

    colours: _Image
    """``(h, w, 3)``, the means of the cells."""
    in_hole: _Flags
    """``(h, w)``, whether any pixel of the cell is missing."""

    @classmethod
    def of(cls, filled: _Image, missing: _Flags, cell: int) -> "_Grid":
        height, width = missing.shape[0] // cell, missing.shape[1] // cell
        part = slice(0, height * cell), slice(0, width * cell)
        colours = cv2.resize(filled[part], (width, height), interpolation=cv2.INTER_AREA)
        touched = missing[part].reshape(height, cell, width, cell).any(axis=(1, 3))
        return cls(np.asarray(colours), np.asarray(touched))


def _displacements(grid: _Grid) -> _Numbers:
    """Return the most frequent displacements, in cells, from a cell in the hole to its source.

    They are ``(K, 2)`` (down, right), the most frequent first.
    """
    wanted, usable = np.argwhere(grid.in_hole), np.argwhere(~grid.in_hole)
    if not len(wanted) or not len(usable):
        return np.zeros((0, 2), np.int64)
    if len(usable) > SOURCES:
        # Not every k-th row and column: known cells may lie between these alone.
        usable = usable[np.linspace(0, len(usable) - 1, SOURCES).astype(np.int64)]
    surroundings = _surroundings(grid.colours)
    sources = surroundings[usable[:, 0], usable[:, 1]]
    lengths = np.einsum("ij,ij->i", sources, sources)
    nearest = []
    at_once = max(1, _COMPARISONS // len(usable))
    for start in range(0, len(wanted), at_once):
        cells = wanted[start : start + at_once]
        targets = surroundings[cells[:, 0], cells[:, 1]]
        # the squared distance without the term that is equal for all sources
        nearest.append((lengths - 2 * targets @ sources.T).argmin(1))
    moves, counts = np.unique(usable[np.concatenate(nearest)] - wanted, axis=0, return_counts=True)
    return moves[np.argsort(-counts, kind="stable")[:DISPLACEMENTS]]


def _surroundings(colours: _Image) -> _Image:
    """Return the block means around each cell, ``(h, w, 3 * BLOCKS ** 2)``, edges repeated."""
    side = WINDOW_CELLS // BLOCKS
    means = cv2.blur(colours, (side, side), borderType=cv2.BORDER_REPLICATE)
    margin = side * (BLOCKS // 2)
    padded = np.pad(means, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    height, width = colours.shape[:2]
    blocks = [
        padded[down : down + height, right : right + width]
        for down, right in itertools.product(range(0, 2 * margin + 1, side), repeat=2)
    ]
    return np.concatenate(blocks, axis=-1)


def _chosen(grid: _Grid, displacements: _Numbers) -> _Numbers:
    """Return for each cell ``(h, w)`` the index of its displacement, -1 outside the hole.

    A displacement costs the difference of colour to its source. From the cheapest ones, cells are
    updated together by iterated conditional modes, with a bonus for each neighbour that agrees.
    """
    height, width = grid.in_hole.shape
    costs = np.full((len(displacements), height, width), _IMPOSSIBLE, np.float32)
    for cost, (down, right) in zip(costs, displacements, strict=True):
        here, there = _overlap(height, width, down, right)
        difference = np.square(grid.colours[here] - grid.colours[there]).mean(-1)
        difference = cv2.blur(difference, (3, 3), borderType=cv2.BORDER_REPLICATE)
        cost[here] = np.where(grid.in_hole[there], _IMPOSSIBLE, difference)
    chosen = costs.argmin(0)
    numbers = np.arange(len(displacements))[:, None, None]
    for _ in range(ROUNDS):
        agreeing = (chosen == numbers).astype(np.float32)
        for number, plane in enumerate(agreeing):
            around = cv2.boxFilter(plane, -1, (3, 3), normalize=False)
            agreeing[number] = around - plane
        again = (costs - AGREEMENT * agreeing).argmin(0)
        if np.array_equal(again, chosen):
            break
        chosen = again
    return np.where(grid.in_hole, chosen, -1)


def _detail(filled: _Image, missing: _Flags, sigma: float) -> _Image:
    """Return known pixels minus the Gaussian mean of the known pixels around them; 0 elsewhere."""
    known = (~missing).astype(np.float32)
    shares = cv2.GaussianBlur(known, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    colours = filled * known[..., None]
    means = cv2.GaussianBlur(colours, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    means = means / np.maximum(shares, 1e-3)[..., None]
    return (colours - known[..., None] * means).astype(np.float32)


def _moved(
    detail: _Image, missing: _Flags, displacements: _Numbers, chosen: _Numbers, cell: int
) -> _Image:
    """Return `detail` moved by the displacements, in pixels, that the cells have chosen.

    Where neighbouring cells chose different ones, the two are blended over the width of a cell.
    """
    height, width = missing.shape
    planes = cv2.split(detail)  # three times as fast as interleaved colours
    moved, weights = np.zeros((3, height, width), np.float32), np.zeros(missing.shape, np.float32)
    known = (~missing).astype(np.float32)
    for number, (down, right) in enumerate(displacements):
        takes = chosen == number
        if not takes.any():
            continue
        top, left, weight = _blend_weight(takes, cell, height, width)
        here, _ = _overlap(height, width, down, right)
        rows = slice(max(top, here[0].start), min(top + weight.shape[0], here[0].stop))
        columns = slice(max(left, here[1].start), min(left + weight.shape[1], here[1].stop))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            continue
        source = (
            slice(rows.start + down, rows.stop + down),
            slice(columns.start + right, columns.stop + right),
        )
        weight = weight[
            rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
        ]
        weight = weight * known[source]
        for plane, values in zip(moved, planes, strict=True):
            plane[rows, columns] += weight * values[source]
        weights[rows, columns] += weight
    return np.stack(list(moved / np.maximum(weights, 0.25)), axis=-1)


def _blend_weight(
    takes: NDArray[Any], cell: int, height: int, width: int
) -> tuple[int, int, _Image]:
    """Return the cells `takes` ``(h, w)`` as a weight of pixels that fades out over one cell.

    The weight is of the rows and columns around these cells only: their first row, first column,
    and the weight ``(rows, columns)``. Incomplete cells at the lower and right edge of the image
    get the weight of the last complete ones.
    """
    first_row, last_row = _reach(takes, axis=0)
    first_column, last_column = _reach(takes, axis=1)
    part = takes[first_row:last_row, first_column:last_column].astype(np.float32)
    size = part.shape[1] * cell, part.shape[0] * cell
    weight = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_LINEAR), np.float32)
    below = height - last_row * cell if last_row == takes.shape[0] else 0
    beside = width - last_column * cell if last_column == takes.shape[1] else 0
    weight = np.pad(weight, ((0, below), (0, beside)), mode="edge")
    return first_row * cell, first_column * cell, weight


def _reach(takes: NDArray[Any], axis: int) -> tuple[int, int]:
    """Return the range of True cells along `axis`, end exclusive, with one more on each side."""
    taken = np.flatnonzero(takes.any(1 - axis))
    return int(max(0, taken[0] - 1)), int(min(takes.shape[axis], taken[-1] + 2))


def _overlap(
    height: int, width: int, down: int, right: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return the part of an image that stays inside when displaced, and the part it moves to."""
    rows = slice(max(0, -down), min(height, height - down))
    columns = slice(max(0, -right), min(width, width - right))
    return (rows, columns), (
        slice(rows.start + down, rows.stop + down),
        slice(columns.start + right, columns.stop + right),
    )
