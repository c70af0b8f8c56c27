"""Image pyramids: average pooling on the way down, nearest neighbours on the way up."""

from collections.abc import Sequence

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
