"""Losses of the difference between predicted and true pixels."""

from torch import Tensor

from predictor.errors import SettingsError
from predictor.losses.reduction import Reduction, accurate_pair, reduced

LOG_FLOOR = 3e-3
"""Error, in pixels of a range of width 2, that `log_lp_loss` adds before the logarithm: 56 dB.

Without it an example that is predicted almost exactly would have an unbounded gradient.
"""


def absolute_power(difference: Tensor, p: int) -> Tensor:
    """Return ``|difference| ** p`` of every element; raises `SettingsError` unless p is 1 or 2."""
    if p == 1:
        return difference.abs()
    if p == 2:
        return difference.square()
    raise SettingsError(f"p is {p}, expected 1 or 2")


def lp_loss(
    prediction: Tensor, target: Tensor, p: int = 1, reduction: Reduction = "mean"
) -> Tensor:
    """Return ``|prediction - target| ** p`` over images ``(N, C, H, W)`` as a scalar.

    No p-th root is taken. Mathieu et al. 2016, L_p: a sum over the pixels of an example; their
    script takes the mean. Raises `SettingsError` unless `p` is 1 or 2, `TensorContractError` if
    the shapes differ.
    """
    prediction, target = accurate_pair(prediction, target)
    return reduced(absolute_power(prediction - target, p), reduction)


def log_lp_loss(
    prediction: Tensor, target: Tensor, p: int = 1, reduction: Reduction = "mean"
) -> Tensor:
    """Return ``ln(mean |prediction - target| ** p + LOG_FLOOR ** p)``, averaged over the examples.

    Images are ``(N, C, H, W)`` in a range of width 2. The logarithm makes the gradient relative to
    the error of each example: halving a small error is worth as much as halving a large one, so a
    still scene at 45 dB counts as much as a fast one at 20 dB. With ``p=2`` the loss is, but for
    the floor, a constant minus a multiple of the mean PSNR. `reduction` is accepted so that this
    can stand in for `lp_loss`, and ignored. Errors as in `lp_loss`.
    """
    prediction, target = accurate_pair(prediction, target)
    powers = absolute_power(prediction - target, p)
    return (powers.flatten(1).mean(dim=1) + LOG_FLOOR**p).log().mean()
