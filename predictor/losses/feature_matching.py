"""Matching what a discriminator sees in real images and in generated ones."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from predictor.errors import SettingsError, TensorContractError
from predictor.gathering import gathered
from predictor.losses.reduction import Reduction, accurate_pair, reduced


def paired_feature_loss(
    generated: Sequence[Tensor], real: Sequence[Tensor], weights: Tensor | None = None
) -> Tensor:
    """Return the mean absolute difference of activations, averaged over layers, as a scalar.

    Each layer is ``(N, C, h, w)``, and `generated` and `real` are of the same examples; the real
    ones are taken as constants. `weights` ``(N, 1, H, W)`` say how much each pixel counts, averaged
    down to each layer's size; a layer's mean is over its weights. Wang et al. 2018, eq. 4.

    Raises `TensorContractError` if the layers differ in number or shape.
    """
    if len(generated) != len(real) or not real:
        raise TensorContractError(
            f"{len(generated)} generated layers and {len(real)} real ones, expected as many"
        )
    losses = []
    for ours, theirs in zip(generated, real, strict=True):
        ours, theirs = accurate_pair(ours, theirs.detach())
        difference = (ours - theirs).abs().mean(dim=1, keepdim=True)
        if weights is None:
            losses.append(difference.mean())
            continue
        shares = functional.interpolate(weights, ours.shape[-2:], mode="area")
        losses.append((shares * difference).sum() / shares.sum().clamp_min(1e-6))
    return torch.stack(losses).mean()


def feature_matching_loss(
    generated: Tensor, real: Tensor, p: int = 2, reduction: Reduction = "mean"
) -> Tensor:
    """Return how far the mean features of generated examples are from those of real ones.

    Under data-parallel training the means are over the examples of all ranks. Both are ``(N, F)``,
    of as many features but not of the same examples; the real ones are taken as constants.
    ``"sum_per_example"`` sums ``|difference| ** p`` over the features: with ``p=2`` it is Salimans
    et al. 2016, section 3.1. ``"mean"`` over the features is their code, which has ``p=2`` for
    MNIST and ``p=1`` for CIFAR-10 and SVHN. Raises `SettingsError` unless `p` is 1 or 2,
    `TensorContractError` if the numbers of features differ.
    """
    if p not in (1, 2):
        raise SettingsError(f"p is {p}, expected 1 or 2")
    ours, theirs = accurate_pair(
        gathered(generated).mean(dim=0), gathered(real.detach()).mean(dim=0)
    )
    difference = (ours - theirs)[None]
    return reduced(difference.abs() if p == 1 else difference.square(), reduction)
