"""A sheet of some photographs before and after, to be looked at before a folder is filled."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pipelines.inpaint.masks import hole_weights
from pipelines.inpaint.request import InpaintSettings, masks_of
from pipelines.inpaint.sources import Source
from predictor.holes import Box, holes_of
from predictor.media.images import write_png
from predictor.media.photographs.opening import open_photograph

CELL_PX = 320
"""Side of the square that each picture of the sheet fits in."""
_MARK = (1.0, -1.0, 1.0)  # magenta: no photograph has much of it
_COLUMNS = 4


def write_preview(path: Path, sources: Sequence[Source], settings: InpaintSettings) -> None:
    """Write a PNG with a row for each of `sources`, which are filled: whole, and the largest hole.

    Each is shown with its hole marked, then as it was filled. Raises as `open_photograph`, and
    `OutputNotWritten`.
    """
    from torchvision.utils import make_grid  # seconds to import

    cells = [cell for source in sources for cell in _row(source, settings)]
    sheet = make_grid(torch.stack(cells), nrow=_COLUMNS, padding=4, pad_value=1.0)
    write_png(path, sheet.clamp(-1, 1))


def _row(source: Source, settings: InpaintSettings) -> list[Tensor]:
    photograph = open_photograph(source.path, most_pixels=settings.most_pixels)
    canvas, masks = photograph.canvases[0], masks_of(settings.mask, settings.most_pixels)
    weights, _ = hole_weights(
        masks, source.path, source.relative, canvas, settings.mask_settings, photograph.is_lossy
    )
    weight = np.asarray(weights > 0)
    before = canvas.pixels().float()
    after = open_photograph(source.output, most_pixels=settings.most_pixels).canvases[0].pixels()
    hole = torch.from_numpy(weight)
    marked = torch.where(hole, before.new_tensor(_MARK)[:, None, None], before)
    close = _around_largest_hole(weight)
    return [
        _cell(part)
        for whole in (marked, after.float())
        for part in (whole, whole[:, close.rows, close.columns])
    ]


def _around_largest_hole(weight: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> Box:
    height, width = weight.shape
    holes = holes_of(weight)
    if not holes:
        return Box(0, 0, height, width)
    box = max(holes, key=lambda hole: int(np.count_nonzero(hole.pixels))).box
    return box.grown(max(box.height, box.width) // 2).within(height, width)


def _cell(picture: Tensor) -> Tensor:
    """Return `picture` ``(3, h, w)`` within a grey square of `CELL_PX`."""
    height, width = picture.shape[-2:]
    scale = CELL_PX / max(height, width)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    small = functional.interpolate(
        picture[None], size, mode="bilinear", antialias=True, align_corners=False
    )[0]
    top, left = (CELL_PX - size[0]) // 2, (CELL_PX - size[1]) // 2
    room = left, CELL_PX - size[1] - left, top, CELL_PX - size[0] - top
    return functional.pad(small, room, value=0.0)
