"""The pixel loss."""

from torch import Tensor

from predictor.errors import SettingsError
from predictor.losses.reduction import Reduction, accurate_pair, reduced


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
