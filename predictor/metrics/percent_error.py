"""Mean L1 and L2 errors in percent of the pixel range."""

from torch import Tensor

from predictor.metrics.masked import mean_over_pixels, require_pair


def percent_error(
    prediction: Tensor,
    target: Tensor,
    data_range: tuple[float, float],
    p: int = 1,
    where: Tensor | None = None,
) -> Tensor:
    """Return 100 times the mean of ``|prediction - target| ** p`` for pixels in [0, 1], ``(N,)``.

    `where` ``(N, 1, H, W)`` restricts the mean to some pixels (NaN if there are none). Pathak et
    al. 2016, table 1, with p = 1 and p = 2.
    """
    prediction, target = require_pair(prediction, target, where)
    difference = (prediction - target).abs() / (data_range[1] - data_range[0])
    return 100 * mean_over_pixels(difference**p, where)
