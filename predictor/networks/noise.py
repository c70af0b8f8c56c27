"""Noise that a network adds to what it sees while it is trained."""

import torch
from torch import Tensor, nn


class GaussianNoise(nn.Module):
    """Adds independent N(0, deviation²) to every number in training, nothing in evaluation.

    Salimans et al. 2016 (code: ``nn.py``, `GaussianNoiseLayer`).
    """

    def __init__(self, deviation: float) -> None:
        super().__init__()
        self.deviation = deviation

    def forward(self, inputs: Tensor) -> Tensor:
        """Return `inputs` with noise of their shape."""
        if not self.training or not self.deviation:
            return inputs
        return torch.randn_like(inputs).mul_(self.deviation).add_(inputs)
