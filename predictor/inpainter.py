"""An inpainting network as people use it: any image, any mask, only missing pixels change."""

import functools
import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from predictor.devices import computing, moved
from predictor.holes import Box, Hole, holes_of, joined
from predictor.smooth_fill import known_means, smooth_fill
from predictor.tensors import (
    IMAGE_RANGE,
    missing_pixels,
    padded_to_multiple,
    rescaled,
)
from predictor.texture import with_detail

TILE_PX = 768
"""Longest side of a crop that a network is given; longer holes are filled piece by piece."""

ENLARGED_DETAIL = 0.5
"""Least share of the image's own detail that is added to a fill made at a reduced size."""


class Inpainter:
    """Fills holes in images with a generator of the system ``inpaint``.

    Each hole is filled from a crop around it, reduced as far as the hole is too wide for the
    network: so the cost is that of the holes, not of the image. Near holes share a crop where that
    is cheaper. A fill made at a reduced size is enlarged, and gets detail from its surroundings.

    The network is called with images ``(N, 3, H, W)`` in its `pixel_range` and masks
    ``(N, 1, H, W)``, height and width multiples of its `multiple`, and returns whole images, of
    which the last is used. Its `hole_px` is the widest hole that it can fill, `context_px` how far
    it looks beyond one, and `detail` the share of the image's own detail that is added to its fills
    at any size. With a `fixed_side_px` it takes only squares of that side, of which it paints a
    `region`: a hole has to lie in the middle, unless that region is all of an image of that size.
    Such an image is shown to it as it is, once, with all its holes.
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
        same whatever else is in the batch. Raises `TensorContractError` for shapes that do not
        fit, known pixels outside of the range, and where a mask leaves nothing of an image.
        """
        missing = missing_pixels(masks, images).to(images.device)
        filled = images.clone()
        for mask, result in zip(missing, filled, strict=True):
            holes = holes_of(mask[0].cpu().numpy())
            for hole in self._joined(holes, mask.shape[-2:]):
                self._fill_hole(result, mask, hole)
        return filled

    def seen(self, hole: Hole, size: tuple[int, int]) -> Box:
        """Return the part of an image of `size` that the fill of `hole` depends on."""
        return Box.around([view.box.within(*size) for view in self._views(hole, size)])

    def _joined(self, holes: list[Hole], size: tuple[int, ...]) -> list[Hole]:
        """Return `holes` with those joined that cost less together; wide ones never are."""
        if holes and self._paints_all_of(size):
            return [functools.reduce(joined, holes)]
        done: list[Hole] = []
        waiting = list(reversed(holes))
        while waiting:
            hole = waiting.pop()
            reach = hole.box.grown(2 * self.network.context_px)
            for number, other in enumerate(done):
                both = self._as_one(hole, other, size) if reach.meets(other.box) else None
                if both is not None:
                    del done[number]
                    waiting.append(both)
                    break
            else:
                done.append(hole)
        return done

    def _as_one(self, one: Hole, other: Hole, size: tuple[int, ...]) -> Hole | None:
        """Return two holes joined, or None where one is too wide or nothing is saved."""
        network = self.network
        if network.fixed_side_px or max(one.width_px, other.width_px) > network.hole_px:
            return None
        both = joined(one, other)
        apart = self._pixels_seen(one, size) + self._pixels_seen(other, size)
        return both if self._pixels_seen(both, size) < apart else None

    def _pixels_seen(self, hole: Hole, size: tuple[int, ...]) -> int:
        """Return the number of pixels that the network computes to fill `hole`."""
        return sum(view.size[0] * view.size[1] for view in self._views(hole, size))

    def _fill_hole(self, image: Tensor, mask: Tensor, hole: Hole) -> None:
        """Fill `hole` in `image` ``(3, H, W)`` in place; `mask` ``(1, H, W)`` has all holes.

        Pieces already filled count as known for the next, so that they join without a seam.
        """
        views = self._views(hole, mask.shape[-2:])
        missing = mask.clone() if len(views) > 1 else mask
        for view in views:
            piece = view.piece
            in_hole, in_view = piece.relative_to(hole.box), piece.relative_to(view.box)
            own = hole.pixels[in_hole.rows, in_hole.columns]
            where = torch.from_numpy(own).to(image.device)
            filled = self._filled(image, missing, view)[:, in_view.rows, in_view.columns]
            target = image[:, piece.rows, piece.columns]
            target[:, where] = filled.to(target.device, target.dtype)[:, where]
            if len(views) > 1:
                missing[:, piece.rows, piece.columns][:, where] = False

    def _filled(self, image: Tensor, mask: Tensor, view: "_View") -> Tensor:
        """Return the part of `image` in `view`, filled, ``(3, h, w)`` in [-1, 1]."""
        is_missing = _taken(mask, view.box)[None].to(self.device)
        crop = _taken(image, view.box)[None].to(self.device, torch.float32)
        crop, missing = crop.masked_fill(is_missing, 0), is_missing.float()
        small, small_missing = known_means(crop, missing, view.size)
        small = small * (1 - small_missing) + self._network(small, small_missing) * small_missing
        scale = view.box.height / view.size[0]
        detail = self.network.detail
        if small.shape != crop.shape:
            enlarged = functional.interpolate(small, crop.shape[-2:], mode="bicubic")
            # continue the error of enlarging at the rim of the hole inwards, against a seam
            small = enlarged + smooth_fill(crop - enlarged, missing)
            detail = max(detail, ENLARGED_DETAIL)
        filled = torch.where(is_missing, small, crop)[0].clamp(-1, 1)
        if not detail:
            return filled
        pixels = np.ascontiguousarray(filled.permute(1, 2, 0).cpu().numpy())
        pixels = with_detail(pixels, is_missing[0, 0].cpu().numpy(), detail, scale)
        return torch.from_numpy(pixels).permute(2, 0, 1).clamp(-1, 1)

    def _views(self, hole: Hole, size: tuple[int, ...]) -> list["_View"]:
        """Return the crops of an image of `size` by which `hole` is filled, in this order."""
        side, hole_px = self.network.fixed_side_px, self.network.hole_px
        box = hole.box
        if self._paints_all_of(size):
            return [_View(box, Box(0, 0, side, side), (side, side))]
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
            in_hole = piece.relative_to(box)
            if hole.pixels[in_hole.rows, in_hole.columns].any():
                seen = piece.grown(round(context * scale)).within(size[0], size[1])
                shown = math.ceil(seen.height / scale), math.ceil(seen.width / scale)
                views.append(_View(piece, seen, shown))
        return views

    def _paints_all_of(self, size: tuple[int, ...]) -> bool:
        """Return whether the network takes only images of this `size`, and paints all of them."""
        side = self.network.fixed_side_px
        if side is None or tuple(size) != (side, side):
            return False
        return bool(self.network.region(side, side) == (slice(0, side), slice(0, side)))

    def _network(self, images: Tensor, masks: Tensor) -> Tensor:
        """Return images in [-1, 1], of any size, as the network fills them."""
        height, width = images.shape[-2:]
        images = padded_to_multiple(images * (1 - masks), self.network.multiple)
        masks = padded_to_multiple(masks, self.network.multiple)
        with computing(self.device, self.use_bfloat16):
            made = self.network(rescaled(images, IMAGE_RANGE, self.network.pixel_range), masks)[-1]
        made = rescaled(made.float(), self.network.pixel_range, IMAGE_RANGE)
        return made[..., :height, :width]


@dataclass(frozen=True)
class _View:
    """The crop by which a piece of a hole is filled."""

    piece: Box
    box: Box
    """The crop, which contains the piece and may reach beyond the image."""
    size: tuple[int, int]
    """Height and width to which it is reduced for the network."""


def _pieces(box: Box, longest: int) -> list[Box]:
    """Return `box` divided into a grid of boxes of about equal size, at most `longest` a side."""
    rows = np.linspace(box.top, box.bottom, -(-box.height // longest) + 1).round().astype(int)
    columns = np.linspace(box.left, box.right, -(-box.width // longest) + 1).round().astype(int)
    return [
        Box(int(top), int(left), int(bottom), int(right))
        for top, bottom in itertools.pairwise(rows)
        for left, right in itertools.pairwise(columns)
    ]


def _taken(planes: Tensor, box: Box) -> Tensor:
    """Return the crop `box` of `planes` ``(C, H, W)``, which are mirrored at their edges."""
    height, width = planes.shape[-2:]
    if box == box.within(height, width):
        return planes[:, box.rows, box.columns]
    rows = torch.from_numpy(_mirrored(box.top, box.bottom, height)).to(planes.device)
    columns = torch.from_numpy(_mirrored(box.left, box.right, width)).to(planes.device)
    return planes[:, rows][:, :, columns]


def _mirrored(start: int, end: int, length: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the indices from `start` to `end`, reflected into ``range(length)``."""
    period = max(1, 2 * length - 2)
    places = np.arange(start, end) % period
    return np.minimum(places, period - places).clip(0, length - 1)
