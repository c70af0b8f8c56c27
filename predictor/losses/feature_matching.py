"""Losses that match a discriminator's features of real and of generated images."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from predictor.errors import TensorContractError
from predictor.gathering import averaged, gathered
from predictor.losses.lp import absolute_power
from predictor.losses.reduction import Reduction, accurate_pair, at_least_float32, reduced


def paired_feature_loss(
    generated: Sequence[Tensor], real: Sequence[Tensor], weights: Tensor | None = None
) -> Tensor:
    """Return the mean absolute difference of activations, averaged over layers, as a scalar.

    Each layer is ``(N, C, h, w)``. `generated` and `real` are of the same examples, in contrast to
    `feature_matching_loss`; no gradient flows through the real ones. `weights` ``(N, 1, H, W)`` of
    the pixels are averaged down to the size of each layer, whose mean they weight. Wang et al.
    2018, eq. 4.

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
        losses.append((shares * difference).sum() / averaged(shares.sum()).clamp_min(1e-6))
    return torch.stack(losses).mean()


def feature_matching_loss(
    generated: Tensor, real: Tensor, p: int = 2, reduction: Reduction = "mean"
) -> Tensor:
    """Return ``|mean of generated - mean of real| ** p``, reduced over the features, as a scalar.

    Both are ``(N, F)``, with batches of any size; under data-parallel training the means are over
    the examples of all ranks. No gradient flows through the real ones. ``"sum_per_example"`` sums
    over the features: with ``p=2`` it is Salimans et al. 2016, section 3.1. ``"mean"`` is their
    code, with ``p=2`` for MNIST and ``p=1`` for CIFAR-10 and SVHN. Raises `SettingsError` unless
    `p` is 1 or 2, `TensorContractError` if the numbers of features differ.
    """
    # in bfloat16 the two means could hardly be told apart
    means = [at_least_float32(gathered(x)).mean(dim=0) for x in (generated, real.detach())]
    ours, theirs = accurate_pair(*means)
    one_example = (ours - theirs)[None]  # so that a sum per example is one over the features
    return reduced(absolute_power(one_example, p), reduction)
