"""Peak signal-to-noise ratio."""

from torch import Tensor

from predictor.metrics.masked import mean_over_pixels, require_pair


def psnr(
    prediction: Tensor,
    target: Tensor,
    data_range: tuple[float, float],
    where: Tensor | None = None,
    cap_db: float | None = None,
) -> Tensor:
    """Return ``10 log10(width ** 2 / mean squared error)`` in dB, ``(N,)``.

    The width is that of `data_range`. `where` ``(N, 1, H, W)`` restricts the error to some pixels
    (NaN if there are none). Equal images give infinity; `cap_db` bounds all results.
    """
    prediction, target = require_pair(prediction, target, where)
    width = data_range[1] - data_range[0]
    error = mean_over_pixels((prediction - target).square(), where)
    decibels = 10 * (width**2 / error).log10()
    return decibels if cap_db is None else decibels.clamp(max=cap_db)
