"""Targets that are not certain, for what the discriminator is to say of real pictures.

Salimans et al. 2016, section 3.4: with targets α for real and β for generated pictures the best
discriminator is (α p_data + β p_model) / (p_data + p_model). Where p_data is small and β is not 0
it rewards what the model makes already, so only the real side is smoothed: `fake_loss` stays.
"""

import math

from torch import Tensor
from torch.nn import functional

from predictor.errors import SettingsError
from predictor.losses.reduction import Reduction, at_least_float32, reduced


def smoothed_loss(logits: Tensor, target: float = 0.9, reduction: Reduction = "mean") -> Tensor:
    """Return ``-t ln D - (1 - t) ln (1 - D)``, least where D is the target t.

    With ``target=1`` it is `real_loss`. Raises `SettingsError` for a target outside [0, 1].
    """
    if not 0 <= target <= 1:
        raise SettingsError(f"the target is {target}, expected 0 to 1")
    logits = at_least_float32(logits)
    losses = -target * functional.logsigmoid(logits)
    return reduced(losses - (1 - target) * functional.logsigmoid(-logits), reduction)


def smoothed_divergence(
    logits: Tensor, target: float = 0.9, reduction: Reduction = "mean"
) -> Tensor:
    """Return the Kullback-Leibler divergence of the target from D: `smoothed_loss`, least 0.

    Gradients are those of `smoothed_loss`. The code for ImageNet has the target ¾ for real
    pictures, and for the generator half of it, which the discriminator says in equilibrium. The
    entropy is taken off each element. Raises `SettingsError` for a target outside [0, 1].
    """
    loss = smoothed_loss(logits, target, reduction)
    elements = 1 if reduction == "mean" else logits.numel() / len(logits)
    entropy = -sum(share * math.log(share) for share in (target, 1 - target) if share)
    return loss - elements * entropy
