"""Image pyramids: of pooled images, and of the details that each size adds to the one before."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

from predictor.errors import TensorContractError


def average_pooled(images: Tensor, factor: int) -> Tensor:
    """Return images or a clip ``(..., C, H, W)``, each block of factor × factor pixels averaged.

    The result has shape ``(..., C, H / factor, W / factor)``. Raises `TensorContractError` if
    height or width is not a multiple of `factor`.
    """
    height, width = images.shape[-2:]
    if height % factor or width % factor:
        raise TensorContractError(
            f"images are {width}x{height}, expected multiples of {factor} to pool by {factor}"
        )
    if factor == 1:
        return images
    flat = images.reshape(-1, *images.shape[-3:])
    pooled = functional.avg_pool2d(flat, factor)
    return pooled.reshape(*images.shape[:-2], height // factor, width // factor)


def pooled_at_factors(images: Tensor, factors: Sequence[int]) -> list[Tensor]:
    """Return `average_pooled` images, one a factor, in the order of `factors`.

    Every level is pooled from the images themselves; for ``factors=(8, 4, 2, 1)`` the first is the
    coarsest and the last is `images`.
    """
    return [average_pooled(images, factor) for factor in factors]


def nearest_upsampled(images: Tensor, factor: int = 2) -> Tensor:
    """Return images ``(N, C, H, W)`` with each pixel repeated as a block of factor × factor."""
    return functional.interpolate(images, scale_factor=factor, mode="nearest")


def resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Return images ``(N, C, H, W)`` at `size`, bilinear, without aliases on the way down.

    Half precision becomes float32, here and in what is made of it: details are small differences.
    Differs: the code of Denton et al. 2015 resizes by image.scale of Torch, which averages areas on
    the way down and lets the corners fall together on the way up.
    """
    images = images.to(torch.promote_types(images.dtype, torch.float32))
    if tuple(images.shape[-2:]) == size:
        return images
    return functional.interpolate(images, size, mode="bilinear", antialias=True)


def blurred_half(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Return images at half their height and width by the blur of Burt and Adelson 1983.

    Raises `TensorContractError` unless `size` is that half.
    """
    from kornia.geometry.transform import pyrdown  # seconds to import

    height, width = images.shape[-2:]
    if (2 * size[0], 2 * size[1]) != (height, width):
        raise TensorContractError(
            f"images are {width}x{height}, expected twice {size[1]}x{size[0]} to blur and halve"
        )
    with torch.autocast(images.device.type, enabled=False):
        # Differs: Burt and Adelson keep every second pixel, kornia averages blocks of 2 × 2. That
        # keeps each half centred on its original, as `resized` expects on the way up.
        return pyrdown(images.float(), align_corners=False)


def laplacian_pyramid(
    images: Tensor, sizes: Sequence[tuple[int, int]], is_blurred: bool = False
) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
    """Return images at the coarsest of `sizes`, and at each finer one their coarse look and detail.

    `sizes` rise to that of the images ``(N, C, H, W)``. The coarse look is the size before, brought
    up by `resized`; the detail is what it lacks: their sum is the image at that size to the last
    bit but one (Denton et al. 2015, eq. 4). On the way down `resized`, or with `is_blurred`
    `blurred_half`.
    """
    down = blurred_half if is_blurred else resized
    at_sizes = [resized(images, sizes[-1])]
    for size in reversed(sizes[:-1]):
        at_sizes.append(down(at_sizes[-1], size))
    at_sizes.reverse()
    details = []
    for coarse, fine in pairwise(at_sizes):
        look = resized(coarse, (fine.shape[-2], fine.shape[-1]))
        details.append((look, fine - look))
    return at_sizes[0], details


def pyramid_sum(coarsest: Tensor, details: Sequence[Tensor]) -> Tensor:
    """Return the images of which `laplacian_pyramid` gave the coarsest level and the details."""
    images = coarsest
    for detail in details:
        images = resized(images, (detail.shape[-2], detail.shape[-1])) + detail
    return images
