"""How the first weights of a network are drawn."""

from collections.abc import Iterable
from typing import Literal, assert_never

from torch import nn

Initialization = Literal["uniform", "normal", "torch"]
"""``uniform``: U(-scale, scale). ``normal``: N(0, scale²). Both with biases of 0. ``torch``: what
the layers draw of themselves, U(-1/√n, 1/√n) for n inputs, biases too; it takes no scale."""


def initialize(modules: Iterable[nn.Module], kind: Initialization, scale: float) -> None:
    """Draw the weights of every linear and convolutional layer in `modules` anew."""
    for module in modules:
        if not isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d) or kind == "torch":
            continue
        match kind:
            case "uniform":
                nn.init.uniform_(module.weight, -scale, scale)
            case "normal":
                nn.init.normal_(module.weight, std=scale)
            case _:
                assert_never(kind)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
