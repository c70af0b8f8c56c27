"""Fine detail for a filled hole, moved there from places of the same image that look alike.

A network that has learned to be right on average is smooth where it cannot know. The image itself
shows what its surfaces look like: on a grid of small squares, the cells, every cell of the hole
finds the known cell whose surroundings are most alike; the few displacements that most cells agree
on are kept, each cell takes one of them, its neighbours' if there is no reason against it, and the
detail moves along. So grass comes from this grass, in pieces large enough not to repeat.

Statistics of displacements: He and Sun 2012; detail for a coarse fill from its surroundings: Yi et
al. 2020, contextual residual aggregation. No weights are involved.
"""

import itertools
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

CELL_PX = 4
WINDOW_CELLS = 9
"""Side of the surroundings that are compared."""

BLOCKS = 3
"""Into so many blocks a side they are cut; the means of the blocks are compared."""

DETAIL_PX = 3.0
"""Deviation of the Gaussian that takes detail away; what is left of an image is its detail."""

DISPLACEMENTS = 24
AGREEMENT = 0.02
"""Squared difference of colour, in [-1, 1], that a cell accepts to move as one neighbour does."""

ROUNDS = 8
SOURCES = 4096
"""Known cells that are compared at most; of more, every second, third, ... row and column."""

_COMPARISONS = 2_000_000  # at a time
_IMPOSSIBLE = 100.0

_Image = NDArray[np.float32]
_Flags = NDArray[np.bool_]
_Numbers = NDArray[np.int64]


def with_detail(filled: _Image, missing: _Flags, strength: float, scale: float = 1.0) -> _Image:
    """Return `filled` ``(H, W, 3)`` in [-1, 1] with detail added where `missing` is True.

    `missing` is ``(H, W)``. `strength` is the share of the detail that is added: all of it looks
    sharpest, and costs most where it is wrong. The fill is taken to be right but for details of a
    few pixels times `scale`: one made at a third of the size has a `scale` of 3. Known pixels are
    as they were. Where the image is too small, or shows too little, to take detail from, `filled`
    is returned.
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
    """An image in cells; those at its lower and right edge are not whole and left out."""

    colours: _Image
    """``(h, w, 3)``, means of the cells."""
    wanted: _Flags
    """Which cells have a missing pixel."""

    @classmethod
    def of(cls, filled: _Image, missing: _Flags, cell: int) -> "_Grid":
        height, width = missing.shape[0] // cell, missing.shape[1] // cell
        part = slice(0, height * cell), slice(0, width * cell)

        colours = cv2.resize(filled[part], (width, height), interpolation=cv2.INTER_AREA)
        touched = missing[part].reshape(height, cell, width, cell).any(axis=(1, 3))
        return cls(np.asarray(colours), np.asarray(touched))


def _displacements(grid: _Grid) -> _Numbers:
    """Return the displacements ``(K, 2)``, in cells, that most wanted cells would move along."""
    wanted, usable = np.argwhere(grid.wanted), np.argwhere(~grid.wanted)
    if not len(wanted) or not len(usable):
        return np.zeros((0, 2), np.int64)
    if len(usable) > SOURCES:
        step = int(np.ceil(np.sqrt(len(usable) / SOURCES)))
        usable = usable[(usable % step == 0).all(1)]
    surroundings = _surroundings(grid.colours)
    sources = surroundings[usable[:, 0], usable[:, 1]]
    lengths = np.einsum("ij,ij->i", sources, sources)
    nearest = []
    at_once = max(1, _COMPARISONS // len(usable))
    for start in range(0, len(wanted), at_once):
        cells = wanted[start : start + at_once]
        targets = surroundings[cells[:, 0], cells[:, 1]]
        # The squared distance less what is the same for all sources.
        nearest.append((lengths - 2 * targets @ sources.T).argmin(1))
    moves, counts = np.unique(usable[np.concatenate(nearest)] - wanted, axis=0, return_counts=True)
    return moves[np.argsort(-counts, kind="stable")[:DISPLACEMENTS]]


def _surroundings(colours: _Image) -> _Image:
    """Return what surrounds each cell, ``(h, w, 3 * BLOCKS ** 2)``: means of blocks of cells."""
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
    """Return for each cell the number of the displacement that it takes detail along."""
    height, width = grid.wanted.shape
    costs = np.full((len(displacements), height, width), _IMPOSSIBLE, np.float32)
    for cost, (down, right) in zip(costs, displacements, strict=True):
        here, there = _overlap(height, width, down, right)
        difference = np.square(grid.colours[here] - grid.colours[there]).mean(-1)
        difference = cv2.blur(difference, (3, 3), borderType=cv2.BORDER_REPLICATE)
        cost[here] = np.where(grid.wanted[there], _IMPOSSIBLE, difference)
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
    return np.where(grid.wanted, chosen, -1)


def _detail(filled: _Image, missing: _Flags, sigma: float) -> _Image:
    """Return known pixels less the Gaussian mean of the known pixels around them; 0 elsewhere."""
    known = (~missing).astype(np.float32)
    shares = cv2.GaussianBlur(known, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    colours = filled * known[..., None]
    means = cv2.GaussianBlur(colours, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    means = means / np.maximum(shares, 1e-3)[..., None]
    return (colours - known[..., None] * means).astype(np.float32)


def _moved(
    detail: _Image, missing: _Flags, displacements: _Numbers, chosen: _Numbers, cell: int
) -> _Image:
    """Return `detail` moved as the cells have chosen, their borders blended over one cell."""
    height, width = missing.shape
    planes = cv2.split(detail)  # three times as fast as colours side by side
    moved, weights = np.zeros((3, height, width), np.float32), np.zeros(missing.shape, np.float32)
    known = (~missing).astype(np.float32)
    part = chosen.shape[0] * cell, chosen.shape[1] * cell
    # Cells at the lower and right edge that are not whole take what the last whole ones take.
    room = ((0, height - part[0]), (0, width - part[1]))
    for number, (down, right) in enumerate(displacements):
        takes = chosen == number
        if not takes.any():
            continue
        rows, columns = _reach(takes.any(1), cell), _reach(takes.any(0), cell)
        around = takes[rows[0] // cell : rows[1] // cell, columns[0] // cell : columns[1] // cell]
        size = columns[1] - columns[0], rows[1] - rows[0]
        share = cv2.resize(around.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
        beyond = [
            pad if end == whole else (0, 0)
            for pad, end, whole in zip(room, (rows[1], columns[1]), part, strict=True)
        ]
        share = np.pad(share, beyond, mode="edge")
        bottom, end = rows[0] + share.shape[0], columns[0] + share.shape[1]
        here, there = _overlap(height, width, down, right)
        top, bottom = max(rows[0], here[0].start), min(bottom, here[0].stop)
        left, end = max(columns[0], here[1].start), min(end, here[1].stop)
        if top >= bottom or left >= end:
            continue
        share = share[top - rows[0] : bottom - rows[0], left - columns[0] : end - columns[0]]
        here = slice(top, bottom), slice(left, end)
        there = slice(top + down, bottom + down), slice(left + right, end + right)
        share = share * known[there]
        for plane, source in zip(moved, planes, strict=True):
            plane[here] += share * source[there]
        weights[here] += share
    return np.stack(list(moved / np.maximum(weights, 0.25)), axis=-1)


def _reach(is_taken: NDArray[np.bool_], cell: int) -> tuple[int, int]:
    """Return from which pixel to which the cells taken are, with the cells beside them."""
    taken = np.flatnonzero(is_taken)
    return int(max(0, taken[0] - 1)) * cell, int(min(len(is_taken), taken[-1] + 2)) * cell


def _overlap(
    height: int, width: int, down: int, right: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return the part of an image that stays in it when displaced, and where it comes to lie."""
    rows = slice(max(0, -down), min(height, height - down))
    columns = slice(max(0, -right), min(width, width - right))
    return (rows, columns), (
        slice(rows.start + down, rows.stop + down),
        slice(columns.start + right, columns.stop + right),
    )
