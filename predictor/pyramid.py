"""Image pyramids: images pooled by several factors, and Laplacian pyramids."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

from predictor.errors import TensorContractError


def average_pooled(images: Tensor, factor: int) -> Tensor:
    """Return the means of blocks of factor × factor pixels of images or a clip ``(..., C, H, W)``.

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
    """Return the images average-pooled by each of `factors`, in that order.

    Each level is pooled from the images themselves; for ``factors=(8, 4, 2, 1)`` the first is the
    coarsest and the last is `images`.
    """
    return [average_pooled(images, factor) for factor in factors]


def nearest_upsampled(images: Tensor, factor: int = 2) -> Tensor:
    """Return images ``(N, C, H, W)`` enlarged by repeating each pixel factor × factor times."""
    return functional.interpolate(images, scale_factor=factor, mode="nearest")


def resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Return images ``(N, C, H, W)`` at `size`, bilinear, and anti-aliased where that is smaller.

    Half precision becomes float32, since the details of a pyramid are small differences. Differs:
    the code of Denton et al. 2015 resizes with Torch's image.scale, which averages areas to shrink
    and aligns the corners to enlarge.
    """
    images = images.to(torch.promote_types(images.dtype, torch.float32))
    if tuple(images.shape[-2:]) == size:
        return images
    return functional.interpolate(images, size, mode="bilinear", antialias=True)


def blurred_half(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Return images ``(N, C, H, W)`` blurred and halved as in Burt and Adelson 1983.

    Raises `TensorContractError` unless `size` is half of their height and width.
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
    """Return the coarsest level of a Laplacian pyramid, and a pair for each finer size.

    The pair is the coarser level, enlarged, and the detail that it lacks, which add up to the
    images at that size but for rounding (Denton et al. 2015, eq. 4). `sizes` ascend; images
    ``(N, C, H, W)`` of another size are first resized to the last. Levels are reduced by `resized`,
    or with `is_blurred` by `blurred_half`, and always enlarged by `resized`.
    """
    down = blurred_half if is_blurred else resized
    at_sizes = [resized(images, sizes[-1])]
    for size in reversed(sizes[:-1]):
        at_sizes.append(down(at_sizes[-1], size))
    at_sizes.reverse()
    details = []
    for coarse, fine in pairwise(at_sizes):
        enlarged = resized(coarse, (fine.shape[-2], fine.shape[-1]))
        details.append((enlarged, fine - enlarged))
    return at_sizes[0], details
