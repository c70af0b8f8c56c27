"""Pixel losses with a weight for every pixel, for a hole and the band of context around it."""

import torch
from torch import Tensor
from torch.nn import functional

from predictor.errors import SettingsError, TensorContractError
from predictor.losses.gradient_difference import absolute_steps
from predictor.losses.lp import LOG_FLOOR, absolute_power
from predictor.losses.reduction import Reduction, accurate_pair, reduced


def overlap_weights(masks: Tensor, overlap_px: int | None, overlap_weight: float = 10.0) -> Tensor:
    """Return weights ``(N, 1, H, W)``: 1 in the hole, `overlap_weight` in a band around it, else 0.

    `masks` are 1 where a pixel is missing. The band is the known pixels within `overlap_px` rows
    and columns of a missing one; with None it is all known pixels. Pathak et al. 2016, section 4: a
    band of 7 pixels with ten times the weight; the released code has 4 pixels. Raises
    `SettingsError` for a negative width.
    """
    if overlap_px is None:
        return masks + overlap_weight * (1 - masks)
    if overlap_px < 0:
        raise SettingsError(f"overlap_px is {overlap_px}, expected 0 or more, or None for all")
    near = functional.max_pool2d(masks, 2 * overlap_px + 1, stride=1, padding=overlap_px)
    return masks + overlap_weight * (near - masks)


def masked_lp_loss(
    prediction: Tensor,
    target: Tensor,
    weights: Tensor,
    p: int = 2,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return ``weights * |prediction - target| ** p`` over images ``(N, C, H, W)`` as a scalar.

    `weights` are ``(N, 1, H, W)``. ``"mean"`` is over all elements, whatever their weight, as in
    the released code of Pathak et al. 2016; equation 1 there is ``"sum_per_example"`` with a mask
    for weights. Raises `SettingsError` unless `p` is 1 or 2, `TensorContractError` if the shapes do
    not fit.
    """
    prediction, target = accurate_pair(prediction, target)
    _require_weights(weights, target)
    return reduced(weights * absolute_power(prediction - target, p), reduction)


def masked_log_lp_loss(prediction: Tensor, target: Tensor, weights: Tensor, p: int = 2) -> Tensor:
    """Return ``ln(weighted mean of |prediction - target| ** p)``, averaged over the examples.

    Each example's mean is divided by the sum of its own `weights` ``(N, 1, H, W)``, so small holes
    count as much as large ones, and the logarithm makes easy images count as much as hard ones, as
    in `log_lp_loss`, whose floor this has too. An example whose weights are all 0 costs 0. Errors
    as in `masked_lp_loss`.
    """
    prediction, target = accurate_pair(prediction, target)
    _require_weights(weights, target)
    powers = absolute_power(prediction - target, p)
    total = weights.flatten(1).sum(1)
    means = (weights * powers).flatten(1).sum(1) / (target.shape[1] * total.clamp_min(1e-6))
    return torch.where(total > 0, (means + LOG_FLOOR**p).log(), 0).mean()


def masked_gradient_difference_loss(
    prediction: Tensor, target: Tensor, weights: Tensor, reduction: Reduction = "mean"
) -> Tensor:
    """Return the gradient difference loss with alpha 1 and a weight for every pair of neighbours.

    The weight of a pair is the larger of its two pixels' `weights` ``(N, 1, H, W)``: a step across
    the rim of a hole counts as much as one inside, so a seam costs. Mathieu et al. 2016, GDL.
    Raises `TensorContractError` if the shapes do not fit.
    """
    prediction, target = accurate_pair(prediction, target)
    _require_weights(weights, target)
    total = []
    for axis in (-2, -1):
        steps = (absolute_steps(prediction, axis) - absolute_steps(target, axis)).abs()
        length = weights.shape[axis]
        pairs = weights.narrow(axis, 0, length - 1).maximum(weights.narrow(axis, 1, length - 1))
        total.append(reduced(pairs * steps, reduction))
    return total[0] + total[1]


def _require_weights(weights: Tensor, target: Tensor) -> None:
    expected = (target.shape[0], 1, *target.shape[-2:])
    if tuple(weights.shape) != expected:
        raise TensorContractError(f"weights are {tuple(weights.shape)}, expected {expected}")
