"""Shapes of holes drawn at random; each is a function of its generator and of nothing else."""

import functools
import math
from collections.abc import Callable
from typing import Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.nn import functional

from predictor.errors import SettingsError

ShapeKind = Literal["centre", "blocks", "regions", "strokes", "scratches", "blobs", "boxes"]
Area = tuple[float, float]

REGION_GRID_PX = 1 / 0.06
"""Distance of the random values whose smooth interpolation makes ``regions``."""

REGION_LEVEL = 0.25
"""Pixels whose value, of 0 to 1, is below this are missing there."""

TRIES = 500
"""Shapes drawn before one of the area asked for is given up."""

_Canvas = NDArray[np.uint8]
_Draw = Callable[[float, float], float]
"""Returns a number drawn uniformly between two."""


def drawn_mask(
    kind: ShapeKind,
    size: tuple[int, int],
    area: Area,
    generator: Generator,
    centre_share: float = 0.5,
) -> Tensor:
    """Return a mask ``(1, H, W)`` of `size`, 1 where a pixel is missing.

    ``centre``: a square in the middle, its side `centre_share` of the shorter side, whatever
    `area`. The others cover a share of the image within `area`, never nothing or all of it:
    ``blocks`` squares of one size that overlap, and ``regions`` smooth random noise below a level
    (both Pathak et al. 2016, the second as their code has it); ``strokes`` the walks of a brush,
    ``scratches`` those of a thin one; ``blobs`` the highest parts of a smooth random field;
    ``boxes`` rectangles of any format. Raises `SettingsError` where no shape of that kind and area
    is found.
    """
    if kind == "centre":
        return torch.from_numpy(_centre(size, centre_share))[None].float()

    draw = _uniform(generator, ahead=1 if kind == "blobs" else 64)  # those also draw fields
    for _ in range(TRIES):
        if kind == "regions":
            canvas = _region(size, generator)
        elif kind == "blobs":
            canvas = _blobs(size, draw(*area), generator, draw)
        else:
            canvas = np.zeros(size, np.uint8)
            _PAINTERS[kind](canvas, draw(*area), draw)
        share = _share(canvas)
        if area[0] <= share <= area[1] and 0 < share < 1:
            return torch.from_numpy(canvas)[None].float()
    raise SettingsError(
        f"no mask of kind {kind!r} with an area of {area[0]:g} to {area[1]:g} of "
        f"{size[1]}x{size[0]} in {TRIES} tries"
    )


def _uniform(generator: Generator, ahead: int) -> _Draw:
    """Return what draws numbers one by one of `generator`, which gives so many at a time."""
    values: list[float] = []

    def draw(low: float, high: float) -> float:
        if not values:
            values.extend(reversed(torch.rand(ahead, generator=generator).tolist()))
        return low + (high - low) * values.pop()

    return draw


def _share(canvas: _Canvas) -> float:
    """Return the share of the pixels that are missing, sooner than numpy does."""
    return cv2.countNonZero(canvas) / canvas.size


def _centre(size: tuple[int, int], share: float) -> _Canvas:
    side = max(1, round(min(size) * share))
    top, left = (size[0] - side) // 2, (size[1] - side) // 2
    canvas = np.zeros(size, np.uint8)
    canvas[top : top + side, left : left + side] = 1
    return canvas


def _region(size: tuple[int, int], generator: Generator) -> _Canvas:
    """Return a random cut from the pattern of the released code.

    The code draws one pattern of 10,000 pixels a side for a whole run and cuts masks from it; here
    each mask has a pattern of its own.
    """
    margin = 3  # values beyond the cut that interpolation looks at
    grid = [math.ceil(side / REGION_GRID_PX) + 2 * margin for side in size]
    noise = torch.rand(1, 1, *grid, generator=generator)
    large = [round(side * REGION_GRID_PX) for side in grid]
    smooth = functional.interpolate(noise, large, mode="bicubic", antialias=True)[0, 0]
    edge = round(margin * REGION_GRID_PX)
    starts = [
        edge + int(torch.randint(0, math.ceil(REGION_GRID_PX), (), generator=generator))
        for _ in size
    ]
    rows, columns = (slice(start, start + side) for start, side in zip(starts, size, strict=True))
    return (smooth[rows, columns] < REGION_LEVEL).numpy().astype(np.uint8)


def _blobs(size: tuple[int, int], share: float, generator: Generator, draw: _Draw) -> _Canvas:
    cells = round(draw(3, 9))
    field = torch.rand(cells, cells, generator=generator).numpy()
    smooth = cv2.resize(field, (size[1], size[0]), interpolation=cv2.INTER_CUBIC)
    return (smooth > np.quantile(smooth, 1 - share)).astype(np.uint8)


def _blocks(canvas: _Canvas, share: float, draw: _Draw) -> None:
    side = max(1, round(draw(0.3, 0.8) * math.sqrt(share * canvas.size)))
    while _share(canvas) < share:
        _fill(canvas, side, side, draw)


def _boxes(canvas: _Canvas, share: float, draw: _Draw) -> None:
    while _share(canvas) < share:
        pixels = draw(0.3, 1.0) * share * canvas.size
        format_ = math.exp(draw(-1.2, 1.2))
        height, width = math.sqrt(pixels * format_), math.sqrt(pixels / format_)
        _fill(canvas, max(1, round(height)), max(1, round(width)), draw)


def _fill(canvas: _Canvas, height: int, width: int, draw: _Draw) -> None:
    """Paint a rectangle whose centre lies anywhere in the image."""
    top = round(draw(0, canvas.shape[0]) - height / 2)
    left = round(draw(0, canvas.shape[1]) - width / 2)
    canvas[max(0, top) : max(0, top + height), max(0, left) : max(0, left + width)] = 1


def _strokes(brush: tuple[float, float], canvas: _Canvas, share: float, draw: _Draw) -> None:
    """Paint walks whose width lies between two shares of the image's shorter side."""
    height, width = canvas.shape
    side = min(height, width)
    while _share(canvas) < share:
        x, y, angle = draw(0, width), draw(0, height), draw(0, 2 * math.pi)
        brush_px = math.exp(draw(*map(math.log, brush))) * side
        for _ in range(round(draw(1, 8))):
            angle += draw(-1.2, 1.2)
            step = draw(0.05, 0.3) * side
            end = (x + step * math.cos(angle), y + step * math.sin(angle))
            thickness = max(1, round(brush_px * draw(0.7, 1.3)))
            cv2.line(canvas, (round(x), round(y)), (round(end[0]), round(end[1])), 1, thickness)
            x, y = end
            if _share(canvas) >= share:
                break


_PAINTERS: dict[str, Callable[[_Canvas, float, _Draw], None]] = {
    "blocks": _blocks,
    "boxes": _boxes,
    "strokes": functools.partial(_strokes, (0.02, 0.16)),
    "scratches": functools.partial(_strokes, (0.005, 0.02)),
}
