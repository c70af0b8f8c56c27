"""Means over all or some of the pixels of each example."""

import torch
from torch import Tensor

from predictor.errors import TensorContractError


def mean_over_pixels(values: Tensor, where: Tensor | None = None) -> Tensor:
    """Return the mean of `values` ``(N, C, H, W)`` over all but the first axis, ``(N,)``.

    `where` ``(N, 1, H, W)``, bool or 0 and 1, says which pixels count. An example without such
    pixels gives NaN, which the caller must leave out of averages.
    """
    if where is None:
        return values.flatten(1).mean(1)
    weights = where.to(values.dtype)
    counted = weights.flatten(1).sum(1) * values.shape[1]
    return (values * weights).flatten(1).sum(1) / counted


def require_pair(
    prediction: Tensor, target: Tensor, where: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return prediction and target in float32, or float64 if one of them is.

    Raises `TensorContractError` unless they are float tensors of one shape ``(N, C, H, W)`` and
    `where` is ``(N, 1, H, W)``.
    """
    if prediction.ndim != 4 or prediction.shape != target.shape:
        raise TensorContractError(
            f"prediction has shape {tuple(prediction.shape)} and target {tuple(target.shape)}, "
            "expected one shape (N, C, H, W)"
        )
    if not prediction.is_floating_point() or not target.is_floating_point():
        raise TensorContractError(
            f"prediction is {prediction.dtype} and target {target.dtype}, expected floating point"
        )
    expected = (prediction.shape[0], 1, *prediction.shape[-2:])
    if where is not None and tuple(where.shape) != expected:
        raise TensorContractError(f"where has shape {tuple(where.shape)}, expected {expected}")
    accurate = torch.promote_types(
        torch.promote_types(prediction.dtype, target.dtype), torch.float32
    )
    return prediction.to(accurate), target.to(accurate)
