"""The classical fill that needs no training: a smooth surface through the known pixels."""

import torch
from torch import Tensor
from torch.nn import functional

from predictor.tensors import require_masks

SMALL_SIDE_PX = 64
"""Levels up to this long side cost next to nothing and are relaxed `SMALL_SWEEPS` times."""

SMALL_SWEEPS = 16
SWEEPS = 2


def smooth_fill(images: Tensor, masks: Tensor) -> Tensor:
    """Return `images` ``(N, C, H, W)`` with what `masks` ``(N, 1, H, W)`` call missing filled in.

    Known pixels are averaged down to one pixel, and on the way up each missing pixel starts from
    the level below and is relaxed towards the mean of its four neighbours: nearly the membrane
    through the known pixels, by one pass of a multigrid (pull and push, Gortler et al. 1996). Known
    pixels are returned as they are, an image without any as zeros. A gradient flows to the known
    pixels. Raises `TensorContractError` for masks that do not fit the images.
    """
    require_masks(masks, images)
    known = 1 - masks
    levels = [(images * known, known)]
    while max(levels[-1][0].shape[-2:]) > 1:
        colours, weights = (
            functional.avg_pool2d(planes, 2, ceil_mode=True) for planes in levels[-1]
        )
        # A level knows a pixel fully where it knows anything of it.
        levels.append((colours / weights.clamp_min(1e-6), (weights > 0).to(weights.dtype)))
    filled = levels[-1][0]
    for colours, weights in reversed(levels[:-1]):
        missing = 1 - weights
        filled = colours + missing * functional.interpolate(
            filled, colours.shape[-2:], mode="bilinear", align_corners=False
        )
        quarters = missing / 4
        for _ in range(SMALL_SWEEPS if max(colours.shape[-2:]) <= SMALL_SIDE_PX else SWEEPS):
            filled = torch.addcmul(colours, quarters, _sum_of_neighbours(filled))
    return images * known + filled * masks


def known_means(images: Tensor, masks: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return images and masks made smaller, ``(N, C, h, w)`` and ``(N, 1, h, w)`` for `size`.

    A pixel is the mean of what is known of its area; where that is less than half, it is missing
    and 0. Missing pixels of `images` must be finite and are not looked at.
    """
    known = 1 - masks
    if tuple(images.shape[-2:]) == size:
        return images * known, masks
    colours = functional.interpolate(images * known, size, mode="area")
    shares = functional.interpolate(known, size, mode="area")
    missing = (shares < 0.5).to(masks.dtype)
    return colours / shares.clamp_min(1e-6) * (1 - missing), missing


def _sum_of_neighbours(planes: Tensor) -> Tensor:
    padded = functional.pad(planes, (1, 1, 1, 1), mode="replicate")
    across = padded[..., 1:-1, :-2] + padded[..., 1:-1, 2:]
    return across + padded[..., :-2, 1:-1] + padded[..., 2:, 1:-1]
