"""Reductions of a loss per element to one number."""

from typing import Literal, assert_never

import torch
from torch import Tensor

from predictor.errors import TensorContractError
from predictor.gathering import averaged

Reduction = Literal["mean", "sum_per_example"]
"""``"mean"``: over all elements. ``"sum_per_example"``: summed over the elements of each example
(the first axis), then the mean over examples, so that the loss does not grow with the batch."""


def reduced(values: Tensor, reduction: Reduction) -> Tensor:
    """Return `values` ``(N, ...)`` reduced to a scalar, in float32 or better."""
    values = at_least_float32(values)
    match reduction:
        case "mean":
            return values.mean()
        case "sum_per_example":
            return values.sum() / values.shape[0]
        case _:
            assert_never(reduction)


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Return the mean of `values` weighted by `weights`, which have the same shape.

    NaN where all weights are 0. Under data-parallel training the denominator is averaged over the
    ranks, so that the mean of the ranks' results is the weighted mean over the whole batch.
    """
    return (values * weights).sum() / averaged(weights.sum())


def accurate_pair(prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return both `at_least_float32`; raises `TensorContractError` if their shapes differ."""
    if prediction.shape != target.shape:
        raise TensorContractError(
            f"prediction has shape {tuple(prediction.shape)}, target {tuple(target.shape)}: "
            "expected the same, for subtraction would broadcast one of them"
        )
    return at_least_float32(prediction), at_least_float32(target)


def at_least_float32(tensor: Tensor) -> Tensor:
    """Return `tensor` as float32 if it has less precision; float64 stays."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
