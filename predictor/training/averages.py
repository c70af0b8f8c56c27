"""The exponential average of a network's weights."""

import copy

import torch
from torch import nn


def average_of(network: nn.Module) -> nn.Module:
    """Return a copy of `network` to average into, in evaluation mode and without gradients."""
    return copy.deepcopy(network).eval().requires_grad_(requires_grad=False)


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move every parameter of `average` by ``1 - decay`` of the way to `network`; copy buffers.

    After n updates towards a constant p, starting at a, a parameter is ``p + decay^n (a - p)``.
    """
    torch._foreach_lerp_([*average.parameters()], [*network.parameters()], 1 - decay)
    if kept := [*average.buffers()]:
        torch._foreach_copy_(kept, [*network.buffers()])
