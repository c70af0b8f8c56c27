"""OpenCV's classical inpainting, the baseline that trained networks are measured against."""

from typing import Literal

import cv2
import numpy as np
import torch
from torch import Tensor

from predictor.errors import SettingsError
from predictor.holes import Box, Hole
from predictor.tensors import missing_pixels, require_images, require_masks

Method = Literal["telea", "navier-stokes"]

METHODS: dict[Method, int] = {
    "telea": cv2.INPAINT_TELEA,
    "navier-stokes": cv2.INPAINT_NS,
}
"""Telea 2004 (fast marching) and Bertalmio et al. 2001, as OpenCV names them."""

RADIUS_PX = 3
"""Radius of the neighbourhood that a missing pixel is computed from, as in OpenCV's tutorial."""


@torch.no_grad()
def opencv_fill(images: Tensor, masks: Tensor, method: Method) -> Tensor:
    """Return `images` ``(N, 3, H, W)`` in [-1, 1] with their missing pixels filled by OpenCV.

    OpenCV computes with 8 bits; known pixels are returned exactly. `masks` ``(N, 1, H, W)`` are 1
    where a pixel is missing. Raises `TensorContractError` for masks that do not fit.
    """
    require_images(images)
    require_masks(masks, images)
    missing = (masks > 0.5).cpu()
    filled = images.clone()
    for image, mask, result in zip(images, missing, filled, strict=True):
        levels = ((image.detach().float().cpu() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        pixels = np.ascontiguousarray(levels.permute(1, 2, 0).numpy())
        holes = mask[0].numpy().astype(np.uint8)
        found = torch.from_numpy(cv2.inpaint(pixels, holes, RADIUS_PX, METHODS[method]))
        values = (found.permute(2, 0, 1) / 127.5 - 1).to(result.device, result.dtype)
        result.copy_(torch.where(mask.to(result.device), values, result))
    return filled


class ClassicalInpainter:
    """Fills holes by one of `METHODS`, with the interface of `predictor.inpainter.Inpainter`.

    Raises `SettingsError` for an unknown method.
    """

    def __init__(self, method: str) -> None:
        if method not in METHODS:
            raise SettingsError(f"method is {method!r}, expected {' or '.join(METHODS)}")
        self.method = method

    def fill(self, images: Tensor, masks: Tensor) -> Tensor:
        """Return `images` ``(N, 3, H, W)`` in [-1, 1] with their holes filled.

        As `opencv_fill`; raises `TensorContractError` also where a mask leaves nothing of an image,
        and for known pixels outside of the range.
        """
        missing_pixels(masks, images)
        return opencv_fill(images, masks, self.method)

    def seen(self, hole: Hole, size: tuple[int, int]) -> Box:
        """Return the part of an image of `size` that the fill of `hole` depends on."""
        return hole.box.grown(3 * RADIUS_PX).within(*size)
