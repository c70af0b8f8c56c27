"""Adversarial losses of a discriminator's logits, with D(x) = sigmoid(logit).

Computed by log-sigmoid, so they are exact and finite for logits of any size.
"""

from torch import Tensor
from torch.nn import functional

from predictor.losses.reduction import Reduction, at_least_float32, reduced, weighted_mean


def real_loss(
    logits: Tensor, reduction: Reduction = "mean", weights: Tensor | None = None
) -> Tensor:
    """Return ``-ln D``: the cross-entropy of logits ``(N, ...)`` with the label "real".

    With `weights`, of the shape of the logits, it is their weighted mean and `reduction` is
    ignored.
    """
    values = -functional.logsigmoid(at_least_float32(logits))
    return reduced(values, reduction) if weights is None else weighted_mean(values, weights)


def fake_loss(
    logits: Tensor, reduction: Reduction = "mean", weights: Tensor | None = None
) -> Tensor:
    """Return ``-ln (1 - D)``: the cross-entropy of logits ``(N, ...)`` with the label "fake".

    With `real_loss` of real images it is what the discriminator minimizes, 2 ln 2 where all logits
    are 0: Goodfellow et al. 2014, eq. 1; Mathieu et al. 2016, one such pair per scale. `weights`
    as in `real_loss`.
    """
    return real_loss(-logits, reduction, weights)


def non_saturating_generator_loss(fake_logits: Tensor, reduction: Reduction = "mean") -> Tensor:
    """Return ``-ln D(fake)``, whose gradient does not vanish while the discriminator is winning.

    Goodfellow et al. 2014, section 3; Mathieu et al. 2016, one such term per scale.
    """
    return real_loss(fake_logits, reduction)


def minimax_generator_loss(fake_logits: Tensor, reduction: Reduction = "mean") -> Tensor:
    """Return ``ln (1 - D(fake))``, the generator's term of the minimax game; it is negative.

    Its gradient vanishes where the discriminator is confident. Goodfellow et al. 2014, algorithm 1.
    """
    return -fake_loss(fake_logits, reduction)
