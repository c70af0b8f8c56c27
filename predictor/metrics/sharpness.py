"""Sharpness: how close the gradient magnitudes of a prediction are to those of the target."""

from typing import Literal, assert_never

import torch
from torch import Tensor
from torch.nn import functional

from predictor.errors import TensorContractError
from predictor.metrics.masked import mean_over_pixels, require_pair
from predictor.tensors import IMAGE_RANGE, rescaled

PAPER_PEAK = IMAGE_RANGE[1] - IMAGE_RANGE[0]
"""Peak of ``mode="paper"``: the largest difference of two pixels."""

CODE_PEAK = 255 / 128
"""Peak of ``mode="code"``: the official code scales errors by 128, but takes a peak of 255."""

CODE_FLOOR = 1e-4 / 128**2
"""Smallest error of ``mode="code"`` in [-1, 1]: 1e-4 in the units of the official code."""


def sharpness(
    prediction: Tensor,
    target: Tensor,
    data_range: tuple[float, float],
    mode: Literal["paper", "code"] = "paper",
    where: Tensor | None = None,
    cap_db: float | None = None,
) -> Tensor:
    """Return the sharpness of `prediction` in dB, ``(N,)``, by Mathieu et al. 2016.

    With absolute backward differences ∇i (down) and ∇j (right) of images in [-1, 1]:
    ``"paper"``: 10 log10 of 2² over the mean of |(∇iY + ∇jY) − (∇iŶ + ∇jŶ)| where both exist.
    ``"code"``: 10 log10 of (255/128)² over |∇iY − ∇iŶ| + |∇jY − ∇jŶ|, summed without the border
    pixels but divided by the number of all pixels; at most 88.13 dB.
    An absolute error below a squared peak depends on the unit of the pixels. The paper names none;
    [-1, 1] is that of its code. `where` ``(N, 1, H, W)`` restricts the mean to some pixels (NaN if
    there are none); `cap_db` bounds all results.

    Raises `TensorContractError` for images too small to have one such difference.
    """
    prediction, target = require_pair(prediction, target, where)
    smallest = 2 if mode == "paper" else 3
    if min(prediction.shape[-2:]) < smallest:
        raise TensorContractError(
            f"images are {prediction.shape[-1]}x{prediction.shape[-2]}, expected at least "
            f"{smallest}x{smallest} for their sharpness"
        )
    down, right = _absolute_steps(rescaled(prediction, data_range, IMAGE_RANGE))
    target_down, target_right = _absolute_steps(rescaled(target, data_range, IMAGE_RANGE))
    match mode:
        case "paper":
            error = ((down + right) - (target_down + target_right)).abs()
            kept = None if where is None else where[..., 1:, 1:]
            decibels = 10 * (PAPER_PEAK**2 / mean_over_pixels(error, kept)).log10()
        case "code":
            error = (down - target_down).abs() + (right - target_right).abs()
            # The differences lack the first row and column and the sum also omits the last ones,
            # but the mean is over all pixels: they count as zeros.
            error = functional.pad(error[..., :-1, :-1], (1, 1, 1, 1))
            floored = mean_over_pixels(error, where).clamp(min=CODE_FLOOR)
            decibels = 10 * (CODE_PEAK**2 / floored).log10()
        case _:
            assert_never(mode)
    return decibels if cap_db is None else decibels.clamp(max=cap_db)


def _absolute_steps(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return the absolute differences to the pixel above and to the one on the left."""
    inner = images[..., 1:, 1:]
    return torch.abs(inner - images[..., :-1, 1:]), torch.abs(inner - images[..., 1:, :-1])
