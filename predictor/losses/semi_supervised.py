"""Losses of a classifier of K classes whose class K + 1, "generated", has the logit 0.

Salimans et al. 2016, section 5. With Z the sum of the exponentials of the K logits, a picture is
real with D(x) = Z / (Z + 1) = sigmoid(ln Z): `real_logits` are ln Z, and the losses of the
adversarial game, `real_loss` and `fake_loss`, take them as those of any discriminator.
"""

from torch import Tensor
from torch.nn import functional

from predictor.errors import TensorContractError
from predictor.losses.reduction import at_least_float32


def real_logits(logits: Tensor) -> Tensor:
    """Return ln Z ``(N,)`` of class logits ``(N, K)``: the logit of "real" over "generated"."""
    return at_least_float32(logits).logsumexp(dim=1)


def labelled_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return ``-l_y + ln Z``, the mean over the examples: -ln p(y | x, real).

    `logits` are ``(N, K)``, `labels` int64 ``(N,)``. Raises `TensorContractError` for others.
    """
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise TensorContractError(
            f"logits are {tuple(logits.shape)} and labels {tuple(labels.shape)}, expected (N, K) "
            "and (N,)"
        )
    return functional.cross_entropy(at_least_float32(logits), labels)
