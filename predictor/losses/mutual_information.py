"""A variational lower bound of the mutual information of a code and the pictures made with it.

Chen et al. 2016, eq. 5: H(code) + E ln Q(code | picture), in nats, where Q is a network that reads
the code from the picture. It equals the entropy where Q is always certain and right, 0 where Q
ignores the picture and says the code's prior, and is negative where Q does worse than that. A
system subtracts it, weighted, from both losses.
"""

import math

from torch import Tensor
from torch.nn import functional

from predictor.losses.reduction import at_least_float32

_HALF_LN_2_PI = 0.5 * math.log(2 * math.pi)


def categorical_information(logits: Tensor, categories: Tensor) -> Tensor:
    """Return the bound for a code of K equally likely categories, at most ln K, as a scalar.

    `logits` ``(N, K)`` are Q's, `categories` ``(N,)`` the int64 ones that the pictures were made
    with.
    """
    read = functional.cross_entropy(at_least_float32(logits), categories)
    return math.log(logits.shape[1]) - read


def uniform_information(numbers: Tensor, means: Tensor, log_variances: Tensor) -> Tensor:
    """Return the bound for each of U codes drawn from U(-1, 1), ``(U,)``.

    `numbers` ``(N, U)`` are the codes that the pictures were made with; Q's density is normal with
    `means` and `log_variances` ``(N, U)``. The entropy of a code is ln 2. The bound is not bounded
    above: as Q's errors fall, so may its variance.
    """
    return math.log(2) + _mean_log_density(numbers, means, log_variances)


def information_scored_as_normal(numbers: Tensor, means: Tensor, log_variances: Tensor) -> Tensor:
    """Return what the published code computes as the bound for codes from U(-1, 1), ``(U,)``.

    Differs: the entropy ln 2 is replaced by -E ln N(c; 0, 1), as if the codes were drawn from N(0,
    1). Only the value differs from `uniform_information`, by 0.393 on average; the gradients are
    the same.
    """
    numbers = at_least_float32(numbers)
    score = _HALF_LN_2_PI + 0.5 * numbers.square().mean(dim=0)
    return score + _mean_log_density(numbers, means, log_variances)


def _mean_log_density(numbers: Tensor, means: Tensor, log_variances: Tensor) -> Tensor:
    numbers, means, log_variances = map(at_least_float32, (numbers, means, log_variances))
    errors = (numbers - means).square() * (-log_variances).exp()
    return -(_HALF_LN_2_PI + 0.5 * (log_variances + errors)).mean(dim=0)
