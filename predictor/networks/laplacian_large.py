"""The larger networks of the finer levels of LAPGAN: grouped convolutions, for photographs.

Code of Denton et al. 2015 for LSUN, ``model.lua``, the networks that it calls large.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from predictor.errors import SettingsError

_SMALLEST = 1 + 2 + 4 + 6
"""Smallest side: unpadded convolutions of kernel 3, 5 and 7 reduce it to one pixel."""

_TINY = 1e-12
"""Added under the square root, whose derivative at 0 is infinite."""


@dataclass(frozen=True)
class LargeDetailGeneratorConfig:
    """The generator of a level; its layers are those of the code."""

    shape: tuple[int, int, int] = (3, 32, 32)
    """``(C, H, W)`` of the level."""

    classes: int | None = None
    """Classes whose label becomes a plane; None for no labels."""

    dropout: float = 0.5
    """Rate of spatial dropout before the third and the last convolution."""

    def __post_init__(self) -> None:
        if min(self.shape) < 1 or not 0 <= self.dropout < 1 or self.classes == 0:
            raise SettingsError("shape and classes must be at least 1, dropout 0 or more, below 1")

    def layers(self, inputs: int) -> nn.Sequential:
        """Return the layers for an input of `inputs` channels."""
        channels = self.shape[0]
        return nn.Sequential(
            *_rectified(inputs, 64, 7, 1),
            *_rectified(64, 368, 7, 4),
            nn.Dropout2d(self.dropout),
            *_rectified(368, 128, 7, 4),
            PairPooling(),
            *_rectified(64, 224, 5, 2),
            nn.Dropout2d(self.dropout),
            nn.Conv2d(224, channels, 7, padding=3),
            nn.BatchNorm2d(channels, affine=False),
        )


@dataclass(frozen=True)
class LargeDetailDiscriminatorConfig:
    """The discriminator of a level; its layers are those of the code."""

    shape: tuple[int, int, int] = (3, 32, 32)
    """``(C, H, W)`` of the level."""

    classes: int | None = None
    """Classes whose label becomes a plane; None for no labels."""

    def __post_init__(self) -> None:
        if min(self.shape[1:]) < _SMALLEST or self.shape[0] < 1 or self.classes == 0:
            raise SettingsError(
                f"shape is {self.shape}, classes {self.classes}: expected pictures of "
                f"{_SMALLEST}x{_SMALLEST} or more, and 1 or more of each"
            )

    def layers(self, inputs: int) -> nn.Sequential:
        """Return the layers for an input of `inputs` channels."""
        height, width = (side - _SMALLEST + 1 for side in self.shape[1:])
        return nn.Sequential(
            nn.Conv2d(inputs, 48, 3),
            nn.ReLU(),
            nn.Conv2d(48, 448, 5, groups=4),
            nn.ReLU(),
            nn.Conv2d(448, 416, 7, groups=16),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(416 * height * width, 1),
        )


class PairPooling(nn.Module):
    """L2 pooling over pairs of channels."""

    def forward(self, maps: Tensor) -> Tensor:
        """Return ``(N, C / 2, H, W)`` of maps ``(N, C, H, W)``."""
        pairs = torch.unflatten(maps, 1, (-1, 2))
        return (pairs.square().sum(dim=2) + _TINY).sqrt()


def _rectified(inputs: int, outputs: int, kernel: int, groups: int) -> list[nn.Module]:
    """Return a convolution that keeps the size, then ReLU, then batch normalization."""
    return [
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups),
        nn.ReLU(),
        nn.BatchNorm2d(outputs, affine=False),
    ]
