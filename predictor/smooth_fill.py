"""A smooth surface through the known pixels: the fill that networks correct."""

import torch
from torch import Tensor
from torch.nn import functional

from predictor.tensors import require_masks

SMALL_SIDE_PX = 64
"""Levels with a long side up to this are cheap, and relaxed by more sweeps."""

SMALL_SWEEPS = 16
"""Jacobi sweeps on such levels."""

SWEEPS = 2
"""Jacobi sweeps on larger levels."""


def smooth_fill(images: Tensor, masks: Tensor) -> Tensor:
    """Return `images` ``(N, C, H, W)`` with the pixels filled where `masks` ``(N, 1, H, W)`` are 1.

    Approximates the membrane through the known pixels, in which a missing pixel is the mean of its
    four neighbours, by one pass of multigrid (pull and push, Gortler et al. 1996): known pixels are
    averaged down to a single one; from there up, missing pixels start from the coarser level and
    are relaxed. Known pixels are returned exactly, an image without any as zeros. Differentiable in
    the known pixels. Raises `TensorContractError` for masks that do not fit the images.
    """
    require_masks(masks, images)
    known = 1 - masks
    levels = [(images * known, known)]
    while max(levels[-1][0].shape[-2:]) > 1:
        colours, weights = (
            functional.avg_pool2d(planes, 2, ceil_mode=True) for planes in levels[-1]
        )
        # a pixel of a coarser level is known where any of the pixels below it is
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
    """Return images and masks reduced to `size`, ``(N, C, h, w)`` and ``(N, 1, h, w)``.

    A pixel is the mean of the known part of its area; where that is less than half, it is missing,
    and 0. Missing pixels of `images` have no influence, but must be finite.
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
