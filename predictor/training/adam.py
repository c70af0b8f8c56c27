"""Adam whose epsilon stands under the root."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import Adam


class AdamUnderRoot(Adam):
    """Adam that divides by √(second moment + epsilon), not by √(second moment) + epsilon.

    Where gradients are of the order of √epsilon or smaller its steps are up to √2 times as long.
    Salimans et al. 2016 (code: ``nn.py``, `adam_updates`). `how` is what `Adam` takes beside its
    epsilon.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], *, epsilon: float, **how: Any) -> None:
        super().__init__(parameters, eps=0.0, **how)
        self.epsilon = epsilon
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter] = {
                    "step": torch.zeros((), device=parameter.device),
                    "exp_avg": torch.zeros_like(parameter),
                    "exp_avg_sq": torch.zeros_like(parameter),
                }

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Update the parameters that have a gradient.

        The mean of g² + epsilon, with its bias corrected, is that of g² and epsilon more: so
        epsilon goes into the second moment with every gradient.
        """
        for group in self.param_groups:
            decay = group["betas"][1]
            for parameter in group["params"]:
                if parameter.grad is not None:
                    moment = self.state[parameter]["exp_avg_sq"]
                    moment.add_(self.epsilon * (1 - decay) / decay)  # the step multiplies by decay
        return super().step(closure)
