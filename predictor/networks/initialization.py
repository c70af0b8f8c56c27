"""Initialization of weights."""

from collections.abc import Iterable
from typing import Literal, assert_never

from torch import nn

Initialization = Literal["uniform", "normal", "torch"]
"""``uniform``: U(-scale, scale). ``normal``: N(0, scale²). Both set biases to 0. ``torch``: the
default of the layers, U(-1/√n, 1/√n) for n inputs, biases too; the scale is ignored."""


def initialize(modules: Iterable[nn.Module], kind: Initialization, scale: float) -> None:
    """Initialize the weights and biases of every linear and convolutional layer in `modules`."""
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
