"""Losses of a classifier of K classes and a class "generated", whose logit is fixed at 0.

Salimans et al. 2016, section 5. With Z the sum of the exponentials of the K logits, a picture is
real with probability D(x) = Z / (Z + 1) = sigmoid(ln Z). So `real_logits` returns ln Z, which
`real_loss` and `fake_loss` take like the logits of any discriminator.
"""

from torch import Tensor
from torch.nn import functional

from predictor.errors import TensorContractError
from predictor.losses.reduction import at_least_float32


def real_logits(logits: Tensor) -> Tensor:
    """Return ln Z ``(N,)`` of class logits ``(N, K)``: the logit of "real" over "generated"."""
    return at_least_float32(logits).logsumexp(dim=1)


def labelled_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return -ln p(y | x, real) = ``-l_y + ln Z``, averaged over the examples.

    `logits` are ``(N, K)``, `labels` int64 ``(N,)``. Raises `TensorContractError` for other shapes.
    """
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise TensorContractError(
            f"logits are {tuple(logits.shape)} and labels {tuple(labels.shape)}, expected (N, K) "
            "and (N,)"
        )
    return functional.cross_entropy(at_least_float32(logits), labels)
