"""An inpainting network as people use it: any image, any mask, only missing pixels change."""

import contextlib
import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from predictor.devices import moved
from predictor.errors import TensorContractError
from predictor.holes import Box, Hole, holes_of, joined
from predictor.smooth_fill import known_means, smooth_fill
from predictor.tensors import (
    IMAGE_RANGE,
    padded_to_multiple,
    require_images,
    require_masks,
    rescaled,
)
from predictor.texture import with_detail

TILE_PX = 768
"""Longest side of what a network is shown at once; longer holes are filled piece by piece."""

ENLARGED_DETAIL = 0.5
"""Share of the image's own detail that a fill gets which was made at a smaller size."""


class Inpainter:
    """Fills holes in images with a generator of the system ``inpaint``.

    Each hole is filled from a crop around it, at the scale at which the network can bridge it, so
    the cost is that of the holes and not that of the image; holes so near that one crop costs less
    than theirs share one. A fill made at a smaller size is
    enlarged, and gets detail from its surroundings. Networks are called with images
    ``(N, 3, H, W)`` in their `pixel_range` and masks ``(N, 1, H, W)``, height and width multiples
    of their `multiple`, and return whole images of which the last counts. One bridges holes up to
    `hole_px` wide and looks `context_px` beyond them; one with a `fixed_side_px` takes squares of
    that side only, the hole in the middle. `detail` is the share of the image's own detail that its
    fills want at any size.
    """

    def __init__(
        self,
        network: nn.Module,
        device: torch.device | str | None = None,
        use_bfloat16: bool = False,
    ) -> None:
        self.device = moved(network, device)
        self.network: Any = network.eval()
        self.use_bfloat16 = use_bfloat16

    @torch.no_grad()
    def fill(self, images: Tensor, masks: Tensor) -> Tensor:
        """Return `images` ``(N, 3, H, W)`` in [-1, 1], of any size, with their holes filled.

        `masks` ``(N, 1, H, W)`` are 1 where a pixel is missing; above one half counts. All other
        pixels are returned bit for bit, in the type and on the device of `images`, which is left
        as it is. What the images show under the mask is never looked at. An image is filled the
        same whatever else is in the batch. Raises `TensorContractError` for shapes that do not fit
        and where a mask leaves nothing of an image.
        """
        require_images(images)
        require_masks(masks, images)
        missing = masks > 0.5
        if missing.flatten(1).all(1).any():
            raise TensorContractError("a mask covers its whole image: nothing is left to fill from")
        filled = images.clone()
        for mask, result in zip(missing, filled, strict=True):
            holes = holes_of(mask[0].cpu().numpy())
            for hole in self._joined(holes, mask.shape[-2:]):
                self._fill_hole(result, mask, hole)
        return filled

    def seen(self, hole: Hole, size: tuple[int, int]) -> Box:
        """Return the part of an image ``(height, width)`` that filling `hole` looks at."""
        return Box.around([view.box.within(*size) for view in self._views(hole, size)])

    def _joined(self, holes: list[Hole], size: tuple[int, ...]) -> list[Hole]:
        """Return `holes`, those joined that are looked at in full size and cost less as one."""
        alone: list[Hole] = []
        waiting = list(reversed(holes))
        while waiting:
            hole = waiting.pop()
            reach = hole.box.grown(2 * self.network.context_px)
            for number, other in enumerate(alone):
                both = self._as_one(hole, other, size) if reach.meets(other.box) else None
                if both is not None:
                    del alone[number]
                    waiting.append(both)
                    break
            else:
                alone.append(hole)
        return alone

    def _as_one(self, one: Hole, other: Hole, size: tuple[int, ...]) -> Hole | None:
        """Return two holes joined, or None where they are better looked at by themselves."""
        network = self.network
        if network.fixed_side_px or max(one.width_px, other.width_px) > network.hole_px:
            return None
        both = joined(one, other)
        apart = self._pixels_seen(one, size) + self._pixels_seen(other, size)
        return both if self._pixels_seen(both, size) < apart else None

    def _pixels_seen(self, hole: Hole, size: tuple[int, ...]) -> int:
        return sum(view.size[0] * view.size[1] for view in self._views(hole, size))

    def _fill_hole(self, image: Tensor, mask: Tensor, hole: Hole) -> None:
        """Fill `hole` in `image` ``(3, H, W)``, of which `mask` ``(1, H, W)`` says what is missing.

        Pieces that are filled are known to the next, so that they meet without a seam.
        """
        views = self._views(hole, mask.shape[-2:])
        missing = mask.clone() if len(views) > 1 else mask
        for view in views:
            piece = view.piece
            own = hole.pixels[
                piece.top - hole.box.top : piece.bottom - hole.box.top,
                piece.left - hole.box.left : piece.right - hole.box.left,
            ]
            where = torch.from_numpy(own).to(image.device)
            part = self._filled(image, missing, view)
            top, left = piece.top - view.box.top, piece.left - view.box.left
            pixels = part[:, top : top + piece.height, left : left + piece.width]
            target = image[:, piece.top : piece.bottom, piece.left : piece.right]
            target[:, where] = pixels.to(target.device, target.dtype)[:, where]
            if len(views) > 1:
                missing[:, piece.top : piece.bottom, piece.left : piece.right][:, where] = False

    def _filled(self, image: Tensor, mask: Tensor, view: "_View") -> Tensor:
        """Return what `view` shows of `image`, filled, ``(3, h, w)`` in [-1, 1]."""
        is_missing = _taken(mask, view.box)[None].to(self.device)
        crop = _taken(image, view.box)[None].to(self.device, torch.float32)
        crop, missing = crop.masked_fill(is_missing, 0), is_missing.float()
        small, small_missing = known_means(crop, missing, view.size)
        small = small * (1 - small_missing) + self._network(small, small_missing) * small_missing
        scale = view.box.height / view.size[0]
        detail = self.network.detail
        if small.shape != crop.shape:
            enlarged = functional.interpolate(small, crop.shape[-2:], mode="bicubic")
            # What enlarging lost at the rim of the hole is carried on inwards: no seam.
            small = enlarged + smooth_fill(crop - enlarged, missing)
            detail = max(detail, ENLARGED_DETAIL)
        filled = torch.where(is_missing, small, crop)[0].clamp(-1, 1)
        if not detail:
            return filled
        pixels = np.ascontiguousarray(filled.permute(1, 2, 0).cpu().numpy())
        pixels = with_detail(pixels, is_missing[0, 0].cpu().numpy(), detail, scale)
        return torch.from_numpy(pixels).permute(2, 0, 1).clamp(-1, 1)

    def _views(self, hole: Hole, size: tuple[int, ...]) -> list["_View"]:
        """Return what the network is shown, one after the other, of an image of `size`."""
        side, hole_px = self.network.fixed_side_px, self.network.hole_px
        box = hole.box
        if side is not None:
            scale = max(1.0, max(box.height, box.width) / hole_px)
            reach = round(side * scale)
            top = (box.top + box.bottom - reach) // 2
            left = (box.left + box.right - reach) // 2
            return [_View(box, Box(top, left, top + reach, left + reach), (side, side))]
        scale = max(1.0, hole.width_px / hole_px)
        context = self.network.context_px
        views = []
        for piece in _pieces(box, math.floor(max(context, TILE_PX - 2 * context) * scale)):
            rows = slice(piece.top - box.top, piece.bottom - box.top)
            columns = slice(piece.left - box.left, piece.right - box.left)
            if hole.pixels[rows, columns].any():
                seen = piece.grown(round(context * scale)).within(size[0], size[1])
                shown = math.ceil(seen.height / scale), math.ceil(seen.width / scale)
                views.append(_View(piece, seen, shown))
        return views

    def _network(self, images: Tensor, masks: Tensor) -> Tensor:
        """Return what the network makes of images in [-1, 1], of any size."""
        height, width = images.shape[-2:]
        images = padded_to_multiple(images * (1 - masks), self.network.multiple)
        masks = padded_to_multiple(masks, self.network.multiple)
        with self._precision():
            made = self.network(rescaled(images, IMAGE_RANGE, self.network.pixel_range), masks)[-1]
        made = rescaled(made.float(), self.network.pixel_range, IMAGE_RANGE)
        return made[..., :height, :width]

    def _precision(self) -> contextlib.AbstractContextManager[None]:
        if self.use_bfloat16:
            return torch.autocast(self.device.type, torch.bfloat16)
        return contextlib.nullcontext()


@dataclass(frozen=True)
class _View:
    """What the network is shown to fill a piece of a hole."""

    piece: Box
    box: Box
    """The part of the image that is shown; it holds the piece."""
    size: tuple[int, int]
    """The height and width at which it is shown."""


def _pieces(box: Box, longest: int) -> list[Box]:
    """Return `box` cut into a grid of boxes of at most `longest` pixels a side, of like size."""
    rows = np.linspace(box.top, box.bottom, -(-box.height // longest) + 1).round().astype(int)
    columns = np.linspace(box.left, box.right, -(-box.width // longest) + 1).round().astype(int)
    return [
        Box(int(top), int(left), int(bottom), int(right))
        for top, bottom in itertools.pairwise(rows)
        for left, right in itertools.pairwise(columns)
    ]


def _taken(planes: Tensor, box: Box) -> Tensor:
    """Return a part of `planes` ``(C, H, W)``, mirrored where it reaches beyond them."""
    height, width = planes.shape[-2:]
    if box == box.within(height, width):
        return planes[:, box.top : box.bottom, box.left : box.right]
    rows = torch.from_numpy(_mirrored(box.top, box.bottom, height)).to(planes.device)
    columns = torch.from_numpy(_mirrored(box.left, box.right, width)).to(planes.device)
    return planes[:, rows][:, :, columns]


def _mirrored(start: int, end: int, length: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the numbers from `start` to `end`, those outside ``range(length)`` folded back."""
    period = max(1, 2 * length - 2)
    places = np.arange(start, end) % period
    return np.minimum(places, period - places).clip(0, length - 1)
