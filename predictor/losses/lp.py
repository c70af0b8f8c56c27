"""The pixel losses."""

from torch import Tensor

from predictor.errors import SettingsError
from predictor.losses.reduction import Reduction, accurate_pair, reduced

LOG_FLOOR = 3e-3
"""Error, in a range of width 2, below which `log_lp_loss` stops asking for more: 56 dB."""


def lp_loss(
    prediction: Tensor, target: Tensor, p: int = 1, reduction: Reduction = "mean"
) -> Tensor:
    """Return ``|prediction - target| ** p`` over images ``(N, C, H, W)`` as a scalar.

    The root is not taken. Raises `SettingsError` unless `p` is 1 or 2, `TensorContractError`
    if the shapes differ. Mathieu et al. 2016, L_p: a sum over the pixels of an example; their
    script takes the mean.
    """
    prediction, target = accurate_pair(prediction, target)
    difference = prediction - target
    if p == 1:
        return reduced(difference.abs(), reduction)
    if p == 2:
        return reduced(difference.square(), reduction)
    raise SettingsError(f"p is {p}, expected 1 or 2")


def log_lp_loss(
    prediction: Tensor, target: Tensor, p: int = 1, reduction: Reduction = "mean"
) -> Tensor:
    """Return ``ln(mean |prediction - target| ** p + floor)`` of each example, averaged over them.

    Images are ``(N, C, H, W)`` in a range of width 2; `reduction` makes no difference, an example
    counts once. Its gradient asks for the same share of every error: a still scene that could be
    predicted at 45 dB counts as much as a fast one at 20 dB, as in a mean of PSNR, which for
    ``p=2`` it is up to a factor. The floor is `LOG_FLOOR`. Raises `SettingsError` unless `p` is 1
    or 2.
    """
    if p not in (1, 2):
        raise SettingsError(f"p is {p}, expected 1 or 2")
    prediction, target = accurate_pair(prediction, target)
    difference = prediction - target
    powers = difference.abs() if p == 1 else difference.square()
    return (powers.flatten(1).mean(dim=1) + LOG_FLOOR**p).log().mean()
