"""Layers of which only the largest of several pieces counts (Goodfellow et al. 2013)."""

import torch
from torch import Tensor, nn


class MaxoutLinear(nn.Module):
    """The largest of `pieces` independent affine maps, for each of the outputs."""

    def __init__(self, inputs: int, outputs: int, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces
        self.maps = nn.Linear(inputs, outputs * pieces)

    def forward(self, features: Tensor) -> Tensor:
        """Return ``(N, outputs)`` from ``(N, inputs)``."""
        return torch.amax(torch.unflatten(self.maps(features), 1, (-1, self.pieces)), dim=2)


class MaxoutConvolution(nn.Module):
    """The largest of `pieces` convolutions with a bias each, for each of the channels."""

    def __init__(self, inputs: int, channels: int, pieces: int, kernel: int, padding: int) -> None:
        super().__init__()
        self.pieces = pieces
        self.maps = nn.Conv2d(inputs, channels * pieces, kernel, padding=padding)

    def forward(self, features: Tensor) -> Tensor:
        """Return ``(N, channels, H', W')`` from ``(N, inputs, H, W)``."""
        return torch.amax(torch.unflatten(self.maps(features), 1, (-1, self.pieces)), dim=2)
