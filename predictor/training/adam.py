"""Adam with its epsilon under the square root."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import Adam


class AdamUnderRoot(Adam):
    """Adam that divides by √(second moment + epsilon), not by √(second moment) + epsilon.

    The same epsilon counts for far more here: with 1e-8, steps are shorter wherever gradients are
    of the order of √epsilon = 1e-4 or smaller, where those of `Adam` keep their full length.
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
    def step(  # type: ignore[override] # `Optimizer` overloads it by whether there is a closure
        self, closure: Callable[[], float] | None = None
    ) -> float | None:
        """Update the parameters that have a gradient.

        Adding epsilon to every g² before it is averaged adds exactly epsilon to the bias-corrected
        average. So it is enough to put it into the second moment and to leave `Adam` with none.
        """
        for group in self.param_groups:
            decay = group["betas"][1]
            for parameter in group["params"]:
                if parameter.grad is not None:
                    moment = self.state[parameter]["exp_avg_sq"]
                    # The step multiplies the moment by decay before it adds (1 - decay) g².
                    moment.add_(self.epsilon * (1 - decay) / decay)
        return super().step(closure)
