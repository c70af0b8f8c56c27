"""A penalty on the distance of parameters to their own mean over training."""

from collections.abc import Iterable

import torch
from torch import Tensor

from predictor.losses.reduction import accurate_pair


def historical_averaging_loss(parameters: Iterable[Tensor], averages: Iterable[Tensor]) -> Tensor:
    """Return ``|θ - mean of θ over time|²`` summed over all parameters, as a scalar.

    No gradient flows through the averages, one for each parameter. Salimans et al. 2016, section
    3.3. Raises `TensorContractError` if the shapes differ.
    """
    squares = []
    for parameter, average in zip(parameters, averages, strict=True):
        ours, theirs = accurate_pair(parameter, average.detach())
        squares.append((ours - theirs).square().sum())
    return torch.stack(squares).sum()
