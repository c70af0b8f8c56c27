"""The larger networks of a pyramid's finer levels: grouped convolutions, for photographs.

Code of Denton et al. 2015 for LSUN, ``model.lua``, the networks that it calls large.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from predictor.errors import SettingsError
from predictor.latents import Distribution
from predictor.networks.label_input import LabelPlane
from predictor.tensors import IMAGE_RANGE

_SMALLEST = 1 + 2 + 4 + 6
"""Side of a picture of which three convolutions of 3, 5 and 7 without padding leave one place."""

_TINY = 1e-12
"""Under the root of a pair of zeros, whose slope would be infinite."""


@dataclass(frozen=True)
class LargeDetailGeneratorConfig:
    """A level's generator; its layers are the code's."""

    shape: tuple[int, int, int] = (3, 32, 32)
    """``(C, H, W)`` of the level."""

    classes: int | None = None
    """Classes whose label becomes a plane; None for no labels."""

    dropout: float = 0.5
    """Share of the maps that are left out, whole, before the third and the last convolution."""

    def __post_init__(self) -> None:
        if min(self.shape) < 1 or not 0 <= self.dropout < 1 or self.classes == 0:
            raise SettingsError("shape and classes must be at least 1, dropout 0 or more, below 1")


@dataclass(frozen=True)
class LargeDetailDiscriminatorConfig:
    """A level's discriminator; its layers are the code's."""

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


class PairPooling(nn.Module):
    """The length of every two neighbouring maps, as one."""

    def forward(self, maps: Tensor) -> Tensor:
        """Return ``(N, C / 2, H, W)`` of maps ``(N, C, H, W)``."""
        pairs = torch.unflatten(maps, 1, (-1, 2))
        return (pairs.square().sum(dim=2) + _TINY).sqrt()


class LargeDetailGenerator(nn.Module):
    """The detail of a level from a plane of noise, its coarse look and the label."""

    distribution: Distribution = "uniform"
    multiple = 1
    pixel_range = IMAGE_RANGE

    def __init__(self, config: LargeDetailGeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.classes = config.classes
        channels, height, width = config.shape
        self.latent_width = height * width
        shape = f"(N, {channels}, {height}, {width})"
        self.layout = f"(N, {self.latent_width}) and {shape} to {shape}"
        self.label = LabelPlane(config.classes, (height, width)) if config.classes else None
        inputs = 1 + (config.classes is not None) + channels
        self.layers = nn.Sequential(
            *_rectified(inputs, 64, 7, 1),
            *_rectified(64, 368, 7, 4),
            nn.Dropout2d(config.dropout),
            *_rectified(368, 128, 7, 4),
            PairPooling(),
            *_rectified(64, 224, 5, 2),
            nn.Dropout2d(config.dropout),
            nn.Conv2d(224, channels, 7, padding=3),
            nn.BatchNorm2d(channels, affine=False),
        )

    def forward(self, latents: Tensor, coarse: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return details ``(N, C, H, W)`` for latents ``(N, H * W)`` and coarse looks.

        Raises `TensorContractError` where labels are missing.
        """
        inputs = [latents.reshape(-1, 1, *self.config.shape[1:])]
        if self.label is not None:
            inputs.append(self.label(labels))
        return self.layers(torch.cat([*inputs, coarse], dim=1))


class LargeDetailDiscriminator(nn.Module):
    """Judges a detail by the picture that it makes of the coarse look."""

    multiple = 1
    pixel_range = IMAGE_RANGE

    def __init__(self, config: LargeDetailDiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        self.classes = config.classes
        channels, height, width = config.shape
        shape = f"(N, {channels}, {height}, {width})"
        self.layout = f"{shape} and {shape} to (N, 1)"
        self.label = LabelPlane(config.classes, (height, width)) if config.classes else None
        lost = _SMALLEST - 1
        self.layers = nn.Sequential(
            nn.Conv2d(channels + (config.classes is not None), 48, 3),
            nn.ReLU(),
            nn.Conv2d(48, 448, 5, groups=4),
            nn.ReLU(),
            nn.Conv2d(448, 416, 7, groups=16),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(416 * (height - lost) * (width - lost), 1),
        )

    def forward(self, detail: Tensor, coarse: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return logits ``(N, 1)``, high where detail and coarse look make a real picture.

        Both are ``(N, C, H, W)``. Raises `TensorContractError` where labels are missing.
        """
        picture = detail + coarse
        if self.label is not None:
            picture = torch.cat((picture, self.label(labels)), dim=1)
        return self.layers(picture)


def _rectified(inputs: int, outputs: int, kernel: int, groups: int) -> list[nn.Module]:
    """Return a convolution that keeps the size, with the normalization behind the rectifier."""
    return [
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups),
        nn.ReLU(),
        nn.BatchNorm2d(outputs, affine=False),
    ]
