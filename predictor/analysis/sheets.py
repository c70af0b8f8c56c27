"""Many small pictures as one, for people to look at."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

GAP_PX = 2
CAPTION_PX = 14
SMALLEST_PX = 48
"""Width below which a picture with a caption is enlarged."""


def sheet(images: Tensor, columns: int, gap: float = 1.0) -> Tensor:
    """Return pictures ``(N, C, H, W)`` in [-1, 1] row by row as one, ``(3, H', W')``.

    Between and around them are `GAP_PX` pixels of the value `gap`, around one alone none; grey
    becomes RGB.
    """
    from torchvision.utils import make_grid  # seconds to import, and only pictures need it

    return make_grid(images, nrow=columns, padding=GAP_PX, pad_value=gap)


def numbered_sheet(images: Tensor, numbers: Sequence[int], columns: int) -> Tensor:
    """Return pictures as `sheet` does, each under its number; small ones are enlarged."""
    images = enlarged(images.expand(-1, 3, -1, -1), SMALLEST_PX)
    width = images.shape[-1]
    captions = torch.stack([_caption(str(number), width) for number in numbers])
    return sheet(torch.cat((captions, images), dim=2), columns)


def titled_sheet(images: Tensor, columns: int, title: str, captions: Sequence[str]) -> Tensor:
    """Return pictures as `sheet` does, `title` above them and a caption above each column, if any.

    Small pictures are enlarged.
    """
    images = enlarged(images.expand(-1, 3, -1, -1), SMALLEST_PX)
    grid = sheet(images, columns)
    width = images.shape[-1]
    heads = grid.new_ones(3, CAPTION_PX if captions else 0, grid.shape[-1])
    first = GAP_PX if len(images) > 1 else 0
    for number, text in enumerate(captions):
        left = first + number * (width + GAP_PX)
        heads[..., left : left + width] = _caption(text, width)
    return torch.cat((_caption(title, grid.shape[-1]), heads, grid), dim=1)


def stacked(pictures: Sequence[Tensor]) -> Tensor:
    """Return pictures ``(3, H, W)`` below each other as one, white beside the narrower ones."""
    width = max(picture.shape[-1] for picture in pictures)
    return torch.cat(
        [functional.pad(each, (0, width - each.shape[-1]), value=1.0) for each in pictures], dim=1
    )


def enlarged(images: Tensor, width: int) -> Tensor:
    """Return pictures ``(N, C, H, W)`` whose pixels are squares, at least `width` wide in all."""
    factor = -(-width // images.shape[-1])
    return functional.interpolate(images, scale_factor=factor, mode="nearest")


def _caption(text: str, width: int) -> Tensor:
    strip = np.full((CAPTION_PX, width), 255, np.uint8)
    place = (2, CAPTION_PX - 3)
    cv2.putText(strip, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, 0, 1, cv2.LINE_AA)
    return (torch.from_numpy(strip).float() / 127.5 - 1).expand(3, -1, -1)
