"""One-sided label smoothing: a target below 1 for what the discriminator says of real pictures.

Salimans et al. 2016, section 3.4. With targets α for real and β for generated pictures the optimal
discriminator is (α p_data + β p_model) / (p_data + p_model). With β > 0 it would reward samples
where p_model is large and p_data is not, so β stays 0: generated pictures keep `fake_loss`.
"""

import math

from torch import Tensor
from torch.nn import functional

from predictor.errors import SettingsError
from predictor.losses.reduction import Reduction, at_least_float32, reduced


def smoothed_loss(logits: Tensor, target: float = 0.9, reduction: Reduction = "mean") -> Tensor:
    """Return ``-t ln D - (1 - t) ln (1 - D)``, smallest where D equals the target t.

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
    """Return ``KL(target ‖ D)``: `smoothed_loss` minus the target's entropy, so its minimum is 0.

    The gradients are those of `smoothed_loss`. The code for ImageNet has the target ¾ for real
    pictures, and half of that for the generator, which is what the discriminator says in
    equilibrium. Raises `SettingsError` for a target outside [0, 1].
    """
    loss = smoothed_loss(logits, target, reduction)
    elements = 1 if reduction == "mean" else logits.numel() / len(logits)
    entropy = -sum(share * math.log(share) for share in (target, 1 - target) if share)
    return loss - elements * entropy
