"""An inpainting network as people use it: any image, any mask, only missing pixels change."""

import contextlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from predictor.errors import TensorContractError
from predictor.holes import Box, Hole, holes_of
from predictor.smooth_fill import known_means, smooth_fill
from predictor.tensors import (
    IMAGE_RANGE,
    padded_to_multiple,
    require_images,
    require_masks,
    rescaled,
)


class Inpainter:
    """Fills holes in images with a generator of the system ``inpaint``.

    Each hole is filled from a crop around it, at the scale at which the network can bridge it, so
    the cost is that of the holes and not that of the image. A network is called with images
    ``(N, 3, H, W)`` in its `pixel_range` and masks ``(N, 1, H, W)``, height and width multiples of
    its `multiple`, and returns whole images of which the last counts. It bridges holes up to
    `hole_px` wide and looks `context_px` beyond them; one with a `fixed_side_px` takes squares of
    that side only, the hole in the middle.
    """

    def __init__(
        self, network: nn.Module, device: torch.device | str = "cpu", use_bfloat16: bool = False
    ) -> None:
        self.device = torch.device(device)
        self.network: Any = network.eval().to(self.device)
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
        for image, mask, result in zip(images, missing, filled, strict=True):
            for hole in holes_of(mask[0].cpu().numpy()):
                self._fill_hole(image, mask, hole, result)
        return filled

    def seen(self, hole: Hole, size: tuple[int, int]) -> Box:
        """Return the part of an image ``(height, width)`` that filling `hole` looks at."""
        return self._view(hole, size).box.within(*size)

    def _fill_hole(self, image: Tensor, mask: Tensor, hole: Hole, result: Tensor) -> None:
        view = self._view(hole, mask.shape[-2:])
        is_missing = _taken(mask, view.box)[None].to(self.device)
        crop = _taken(image, view.box)[None].to(self.device, torch.float32)
        crop, missing = crop.masked_fill(is_missing, 0), is_missing.float()
        small, small_missing = known_means(crop, missing, view.size)
        small = small * (1 - small_missing) + self._network(small, small_missing) * small_missing
        if view.size == (view.box.height, view.box.width):
            whole = small
        else:
            enlarged = functional.interpolate(small, crop.shape[-2:], mode="bicubic")
            # What enlarging lost at the rim of the hole is carried on inwards: no seam.
            whole = enlarged + smooth_fill(crop - enlarged, missing)
        box = hole.box
        top, left = box.top - view.box.top, box.left - view.box.left
        pixels = whole[0, :, top : top + box.height, left : left + box.width].clamp(-1, 1)
        target = result[:, box.top : box.bottom, box.left : box.right]
        where = torch.from_numpy(hole.pixels).to(target.device)
        target[:, where] = pixels.to(target.device, target.dtype)[:, where]

    def _view(self, hole: Hole, size: tuple[int, ...]) -> "_View":
        """Return what the network is shown of an image of `size` to fill `hole`."""
        side, hole_px = self.network.fixed_side_px, self.network.hole_px
        box = hole.box
        if side is not None:
            scale = max(1.0, max(box.height, box.width) / hole_px)
            reach = round(side * scale)
            top = (box.top + box.bottom - reach) // 2
            left = (box.left + box.right - reach) // 2
            return _View(Box(top, left, top + reach, left + reach), (side, side))
        scale = max(1.0, hole.width_px / hole_px)
        seen = box.grown(round(self.network.context_px * scale)).within(size[0], size[1])
        return _View(seen, (math.ceil(seen.height / scale), math.ceil(seen.width / scale)))

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
    """A part of an image, and the height and width at which the network is shown it."""

    box: Box
    size: tuple[int, int]


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
