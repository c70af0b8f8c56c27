"""A learned distance between pictures, where the package that has it is installed."""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

PACKAGE = "stlpips-pytorch"
"""ST-LPIPS on AlexNet (Ghildyal and Liu 2022); for measuring only, no part of the tool."""

Distance = Callable[[Tensor, Tensor], Tensor]


def perceptual_distance() -> Distance | None:
    """Return ST-LPIPS of two batches ``(N, 3, H, W)`` in [-1, 1] as ``(N,)``; None without it.

    Its weights are read without unpickling.
    """
    try:
        from stlpips_pytorch import stlpips
    except ImportError:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = stlpips.LPIPS(net="alex", variant="shift_tolerant", verbose=False).eval()

    @torch.no_grad()
    def distance(first: Tensor, second: Tensor) -> Tensor:
        found: Tensor = network(first.float(), second.float())
        return found.flatten()

    return distance
