"""The regions of a photograph around its holes: all that has to be read to fill them."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from pipelines.inpaint.masks import Weights
from predictor.holes import Box, Hole, holes_of

_CELL_PX = 16


Seen = Callable[[Hole, tuple[int, int]], Box]


@dataclass(frozen=True, eq=False)
class Region:
    """A part of a photograph with holes that are filled together."""

    box: Box
    """The part of the photograph that is read to fill them."""
    missing: Tensor
    """``(1, 1, h, w)``, 1 for every missing pixel of the part, of these holes or of others."""
    weight: Tensor
    """``(1, h, w)``, how far each pixel is replaced; 0 for the pixels of other holes."""


def regions_of(weight: Weights, seen: Seen) -> list[Region]:
    """Return the regions of the holes of a photograph, `weight` ``(H, W)`` above 0.

    Holes whose surroundings meet share a region, so that every pixel is read once. `seen` tells
    what filling a hole needs; pixels outside all regions are never read.
    """
    size = (weight.shape[0], weight.shape[1])
    holes = holes_of(weight > 0)
    boxes = [seen(hole, size).within(*size) for hole in holes]
    regions = []
    for members in _meeting(boxes, size):
        box = Box.around([boxes[number] for number in members])
        part = torch.from_numpy(weight[box.rows, box.columns].astype(np.float32))
        own = torch.zeros_like(part, dtype=torch.bool)
        for number in members:
            hole = holes[number]
            inside = hole.box.rows, hole.box.columns
            rows, columns = (
                slice(edge.start - start, edge.stop - start)
                for edge, start in zip(inside, (box.top, box.left), strict=True)
            )
            own[rows, columns] |= torch.from_numpy(hole.pixels)
        regions.append(Region(box, (part > 0).float()[None, None], (part * own)[None]))
    return regions


def _meeting(boxes: list[Box], size: tuple[int, int]) -> list[list[int]]:
    """Return the numbers of the boxes in groups that do not touch each other."""
    if len(boxes) <= 1:
        return [[number] for number in range(len(boxes))]
    cells = np.zeros((-(-size[0] // _CELL_PX), -(-size[1] // _CELL_PX)), np.uint8)
    for box in boxes:
        cells[
            box.top // _CELL_PX : -(-box.bottom // _CELL_PX),
            box.left // _CELL_PX : -(-box.right // _CELL_PX),
        ] = 1
    _, labels = cv2.connectedComponents(cells, connectivity=8)
    groups: dict[int, list[int]] = {}
    for number, box in enumerate(boxes):
        label = int(np.asarray(labels)[box.top // _CELL_PX, box.left // _CELL_PX])
        groups.setdefault(label, []).append(number)
    return list(groups.values())
