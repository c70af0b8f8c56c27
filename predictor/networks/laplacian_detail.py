"""Generators and discriminators of the finer levels of LAPGAN.

Denton et al. 2015; the layers are those of the code, ``train_cifar_coarse_to_fine.lua`` and
``train_cifar_coarse_to_fine_classcond.lua``. Its larger networks are in
`predictor.networks.laplacian_large`.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor, nn

from predictor.errors import SettingsError
from predictor.latents import Distribution
from predictor.networks.label_input import LabelPlane
from predictor.tensors import IMAGE_RANGE


class DetailConfig(Protocol):
    """The config of a network of a finer level, which builds its layers."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(C, H, W)`` of the level."""

    @property
    def classes(self) -> int | None:
        """Classes whose label becomes a plane; None for no labels."""

    def layers(self, inputs: int) -> nn.Sequential:
        """Return the layers for an input of `inputs` channels."""


@dataclass(frozen=True)
class DetailGeneratorConfig:
    """A level's generator; the defaults are the code's for CIFAR-10."""

    shape: tuple[int, int, int] = (3, 32, 32)
    """``(C, H, W)`` of the level."""

    classes: int | None = None
    """Classes whose label becomes a plane; None for no labels."""

    planes: tuple[int, ...] = (64, 64)
    """Channels of the hidden layers (128 in the small networks for LSUN)."""

    kernels: tuple[int, ...] = (7, 7, 5)
    """Odd; one more than there are hidden layers."""

    def __post_init__(self) -> None:
        if len(self.kernels) != len(self.planes) + 1 or not all(k % 2 for k in self.kernels):
            raise SettingsError(
                f"kernels {self.kernels} and planes {self.planes}: expected one kernel more than "
                "planes, all odd"
            )
        if min(*self.shape, *self.planes) < 1 or self.classes == 0:
            raise SettingsError("shape, planes and classes must be at least 1")

    def layers(self, inputs: int) -> nn.Sequential:
        """Return the layers for an input of `inputs` channels."""
        layers: list[nn.Module] = []
        for planes, kernel in zip(self.planes, self.kernels, strict=False):
            layers += [nn.Conv2d(inputs, planes, kernel, padding=kernel // 2), nn.ReLU()]
            inputs = planes
        kernel = self.kernels[-1]
        return nn.Sequential(*layers, nn.Conv2d(inputs, self.shape[0], kernel, padding=kernel // 2))


@dataclass(frozen=True)
class DetailDiscriminatorConfig:
    """A level's discriminator; the defaults are the code's for CIFAR-10."""

    shape: tuple[int, int, int] = (3, 32, 32)
    """``(C, H, W)`` of the level."""

    classes: int | None = None
    """Classes whose label becomes a plane; None for no labels."""

    planes: int = 64
    """Channels of the two convolutions."""

    kernel: int = 5
    """Kernel of both, which are not padded; the second has stride 2."""

    dropout: float = 0.5
    """Dropout rate of the last features (0 in the small networks for LSUN)."""

    def __post_init__(self) -> None:
        if min(self.side(side) for side in self.shape[1:]) < 1:
            raise SettingsError(
                f"shape {self.shape} is too small for two convolutions of kernel {self.kernel}"
            )
        if self.planes < 1 or not 0 <= self.dropout < 1 or self.classes == 0:
            raise SettingsError("planes and classes must be at least 1, dropout 0 or more, below 1")

    def side(self, side: int) -> int:
        """Return the length of a side of the last feature maps."""
        return (side - (self.kernel - 1) - self.kernel) // 2 + 1

    def layers(self, inputs: int) -> nn.Sequential:
        """Return the layers for an input of `inputs` channels."""
        places = self.side(self.shape[1]) * self.side(self.shape[2])
        return nn.Sequential(
            nn.Conv2d(inputs, self.planes, self.kernel),
            nn.ReLU(),
            nn.Conv2d(self.planes, self.planes, self.kernel, stride=2),
            nn.Flatten(),
            nn.ReLU(),
            nn.Dropout(self.dropout),
            nn.Linear(self.planes * places, 1),
        )


class DetailGenerator(nn.Module):
    """Generates the detail of a level from a plane of noise, the coarse picture and the label.

    The coarse picture is that of the level before, upsampled to this size.
    """

    role: ClassVar[str] = "generator of details"

    distribution: Distribution = "uniform"
    multiple = 1
    pixel_range = IMAGE_RANGE

    def __init__(self, config: DetailConfig) -> None:
        super().__init__()
        self.config = config
        self.classes = config.classes
        channels, height, width = config.shape
        self.latent_width = height * width
        shape = f"(N, {channels}, {height}, {width})"
        self.layout = f"(N, {self.latent_width}) and {shape} to {shape}"
        self.label = LabelPlane(config.classes, (height, width)) if config.classes else None
        self.layers = config.layers(1 + (config.classes is not None) + channels)

    def forward(self, latents: Tensor, coarse: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return details ``(N, C, H, W)`` for latents ``(N, H * W)`` and coarse pictures.

        Raises `TensorContractError` where labels are missing.
        """
        inputs = [latents.reshape(-1, 1, *self.config.shape[1:])]
        if self.label is not None:
            inputs.append(self.label(labels))
        return self.layers(torch.cat([*inputs, coarse], dim=1))


class DetailDiscriminator(nn.Module):
    """One logit for the sum of a detail and its coarse picture, given the label."""

    role: ClassVar[str] = "judge of details"

    multiple = 1
    pixel_range = IMAGE_RANGE

    def __init__(self, config: DetailConfig) -> None:
        super().__init__()
        self.config = config
        self.classes = config.classes
        channels, height, width = config.shape
        shape = f"(N, {channels}, {height}, {width})"
        self.layout = f"{shape} and {shape} to (N, 1)"
        self.label = LabelPlane(config.classes, (height, width)) if config.classes else None
        self.layers = config.layers(channels + (config.classes is not None))

    def forward(self, detail: Tensor, coarse: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return logits ``(N, 1)``, high where detail and coarse picture make a real picture.

        Both are ``(N, C, H, W)``. Raises `TensorContractError` where labels are missing.
        """
        picture = detail + coarse
        if self.label is not None:
            picture = torch.cat((picture, self.label(labels)), dim=1)
        return self.layers(picture)
