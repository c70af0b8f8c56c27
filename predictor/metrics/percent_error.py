"""Errors as a share of the range of pixels."""

from torch import Tensor

from predictor.metrics.masked import mean_over_pixels, require_pair


def percent_error(
    prediction: Tensor,
    target: Tensor,
    data_range: tuple[float, float],
    p: int = 1,
    where: Tensor | None = None,
) -> Tensor:
    """Return the mean of ``|prediction - target| ** p`` in percent, ``(N,)``, pixels in [0, 1].

    `p` is 1 or 2; `where` ``(N, 1, H, W)`` keeps the error of some pixels only (NaN if of none).
    Pathak et al. 2016, table 1: mean L1 and L2 loss.
    """
    prediction, target = require_pair(prediction, target, where)
    difference = (prediction - target).abs() / (data_range[1] - data_range[0])
    return 100 * mean_over_pixels(difference if p == 1 else difference.square(), where)
