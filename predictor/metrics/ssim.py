"""Structural similarity."""

from kornia.metrics import ssim as ssim_map
from torch import Tensor

from predictor.errors import TensorContractError
from predictor.metrics.masked import mean_over_pixels, require_pair

WINDOW = 11
"""Side in pixels of the Gaussian window, of deviation 1.5 (Wang et al. 2004)."""


def ssim(
    prediction: Tensor,
    target: Tensor,
    data_range: tuple[float, float],
    where: Tensor | None = None,
) -> Tensor:
    """Return the mean structural similarity over channels and windows that fit, ``(N,)``.

    `where` ``(N, 1, H, W)`` restricts the mean to the windows centred on some pixels (NaN if there
    are none); these windows still see pixels outside of it. Raises `TensorContractError` for sides
    under 11 pixels. Wang et al. 2004: 11 × 11 Gaussian window of deviation 1.5, K1 = 0.01,
    K2 = 0.03.
    """
    prediction, target = require_pair(prediction, target, where)
    if min(prediction.shape[-2:]) < WINDOW:
        raise TensorContractError(
            f"images are {prediction.shape[-1]}x{prediction.shape[-2]}, expected at least "
            f"{WINDOW}x{WINDOW} for a window of SSIM"
        )
    low, high = data_range
    similarity = ssim_map(
        prediction - low, target - low, WINDOW, max_val=float(high - low), eps=0.0, padding="valid"
    )
    if where is not None:
        margin = WINDOW // 2
        where = where[..., margin:-margin, margin:-margin]
    return mean_over_pixels(similarity, where)
