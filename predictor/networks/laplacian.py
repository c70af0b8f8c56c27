"""Generators and discriminators of the levels of a Laplacian pyramid, and all levels as one.

Denton et al. 2015; layers of the code, ``train_cifar_coarse_to_fine.lua`` and
``train_cifar_coarse_to_fine_classcond.lua``; those of its larger networks are in
`predictor.networks.laplacian_large`.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from predictor.errors import SettingsError
from predictor.latents import Distribution
from predictor.networks.dense_discriminator import DenseDiscriminator, DenseDiscriminatorConfig
from predictor.networks.dense_generator import DenseGenerator, DenseGeneratorConfig
from predictor.networks.label_input import LabelPlane
from predictor.networks.laplacian_large import (
    LargeDetailDiscriminator,
    LargeDetailDiscriminatorConfig,
    LargeDetailGenerator,
    LargeDetailGeneratorConfig,
)
from predictor.networks.pixel_units import PixelUnits, Units
from predictor.pyramid import laplacian_pyramid, resized
from predictor.tensors import IMAGE_RANGE


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


@dataclass(frozen=True)
class DetailDiscriminatorConfig:
    """A level's discriminator; the defaults are the code's for CIFAR-10."""

    shape: tuple[int, int, int] = (3, 32, 32)
    """``(C, H, W)`` of the level."""

    classes: int | None = None
    """Classes whose label becomes a plane; None for no labels."""

    planes: int = 64
    """Channels of both convolutions."""

    kernel: int = 5
    """Of both, without padding; the second has stride 2."""

    dropout: float = 0.5
    """Share of the last features that are left out (0 in the small networks for LSUN)."""

    def __post_init__(self) -> None:
        if min(self.side(side) for side in self.shape[1:]) < 1:
            raise SettingsError(f"shape {self.shape} is too small for two kernels {self.kernel}")
        if self.planes < 1 or not 0 <= self.dropout < 1 or self.classes == 0:
            raise SettingsError("planes and classes must be at least 1, dropout 0 or more, below 1")

    def side(self, side: int) -> int:
        """Return how many places the last features have along a side."""
        return (side - (self.kernel - 1) - self.kernel) // 2 + 1


class DetailGenerator(nn.Module):
    """The detail of a level from a plane of noise, its coarse look and the label."""

    distribution: Distribution = "uniform"
    multiple = 1
    pixel_range = IMAGE_RANGE

    def __init__(self, config: DetailGeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.classes = config.classes
        channels, height, width = config.shape
        self.latent_width = height * width
        shape = f"(N, {channels}, {height}, {width})"
        self.layout = f"(N, {self.latent_width}) and {shape} to {shape}"
        self.label = LabelPlane(config.classes, (height, width)) if config.classes else None
        layers: list[nn.Module] = []
        inputs = 1 + (config.classes is not None) + channels
        for planes, kernel in zip(config.planes, config.kernels, strict=False):
            layers += [nn.Conv2d(inputs, planes, kernel, padding=kernel // 2), nn.ReLU()]
            inputs = planes
        kernel = config.kernels[-1]
        self.layers = nn.Sequential(
            *layers, nn.Conv2d(inputs, channels, kernel, padding=kernel // 2)
        )

    def forward(self, latents: Tensor, coarse: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return details ``(N, C, H, W)`` for latents ``(N, H * W)`` and coarse looks.

        Raises `TensorContractError` where labels are missing.
        """
        inputs = [latents.reshape(-1, 1, *self.config.shape[1:])]
        if self.label is not None:
            inputs.append(self.label(labels))
        return self.layers(torch.cat([*inputs, coarse], dim=1))


class DetailDiscriminator(nn.Module):
    """Judges a detail by the picture that it makes of the coarse look."""

    multiple = 1
    pixel_range = IMAGE_RANGE

    def __init__(self, config: DetailDiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        self.classes = config.classes
        channels, height, width = config.shape
        shape = f"(N, {channels}, {height}, {width})"
        self.layout = f"{shape} and {shape} to (N, 1)"
        self.label = LabelPlane(config.classes, (height, width)) if config.classes else None
        inputs = channels + (config.classes is not None)
        places = config.side(height) * config.side(width)
        self.layers = nn.Sequential(
            nn.Conv2d(inputs, config.planes, config.kernel),
            nn.ReLU(),
            nn.Conv2d(config.planes, config.planes, config.kernel, stride=2),
            nn.Flatten(),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.planes * places, 1),
        )

    def forward(self, detail: Tensor, coarse: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return logits ``(N, 1)``, high where detail and coarse look make a real picture.

        Both are ``(N, C, H, W)``. Raises `TensorContractError` where labels are missing.
        """
        picture = detail + coarse
        if self.label is not None:
            picture = torch.cat((picture, self.label(labels)), dim=1)
        return self.layers(picture)


@dataclass(frozen=True)
class LaplacianGeneratorConfig:
    """The levels, from the coarsest."""

    coarsest: DenseGeneratorConfig = field(
        default_factory=lambda: DenseGeneratorConfig(
            shape=(3, 8, 8),
            distribution="uniform",
            units="standardized",
            initialization="torch",
            bias_from_data=False,
        )
    )
    finer: tuple[DetailGeneratorConfig | LargeDetailGeneratorConfig, ...] = field(
        default_factory=lambda: (
            DetailGeneratorConfig(shape=(3, 14, 14)),
            DetailGeneratorConfig(shape=(3, 28, 28)),
        )
    )
    units: Units = "standardized"
    """What pictures are in before they are taken apart."""

    def __post_init__(self) -> None:
        _require_rising([self.coarsest, *self.finer])


@dataclass(frozen=True)
class LaplacianDiscriminatorConfig:
    """The levels, from the coarsest."""

    coarsest: DenseDiscriminatorConfig = field(
        default_factory=lambda: DenseDiscriminatorConfig(
            shape=(3, 8, 8),
            hidden=(600, 600),
            pieces=1,
            input_dropout=0.0,
            units="standardized",
            initialization="torch",
        )
    )
    finer: tuple[DetailDiscriminatorConfig | LargeDetailDiscriminatorConfig, ...] = field(
        default_factory=lambda: (
            DetailDiscriminatorConfig(shape=(3, 14, 14)),
            DetailDiscriminatorConfig(shape=(3, 28, 28)),
        )
    )
    units: Units = "standardized"
    is_blurred: bool = False
    """Whether pictures are taken apart by blurring and halving, or by resizing."""

    def __post_init__(self) -> None:
        _require_rising([self.coarsest, *self.finer])


def _require_rising(levels: list[Any]) -> None:
    shapes = [level.shape for level in levels]
    for before, after in pairwise(shapes):
        if before[0] != after[0] or before[1] >= after[1] or before[2] >= after[2]:
            raise SettingsError(
                f"levels are {shapes}: expected one number of channels, rising sizes"
            )
    if len({level.classes for level in levels}) > 1:
        raise SettingsError("some levels have labels, others have not, or of other classes")


_FINER: dict[type[Any], type[Any]] = {
    DetailGeneratorConfig: DetailGenerator,
    DetailDiscriminatorConfig: DetailDiscriminator,
    LargeDetailGeneratorConfig: LargeDetailGenerator,
    LargeDetailDiscriminatorConfig: LargeDetailDiscriminator,
}
"""The network of a finer level, by its config."""


class LaplacianGenerator(nn.Module):
    """All levels as one: a picture of the coarsest, to which each finer one adds its detail."""

    distribution: Distribution = "uniform"
    multiple = 1
    pixel_range = IMAGE_RANGE

    def __init__(self, config: LaplacianGeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.classes = config.coarsest.classes
        shape = config.finer[-1].shape if config.finer else config.coarsest.shape
        self.units = PixelUnits(config.units, shape)
        self.coarsest = DenseGenerator(config.coarsest)
        self.finer = nn.ModuleList(_FINER[type(level)](level) for level in config.finer)
        self.widths = [config.coarsest.latent, *(s[1] * s[2] for s in self._finer_shapes())]
        self.latent_width = sum(self.widths)
        self.layout = f"(N, {self.latent_width}) to (N, {shape[0]}, {shape[1]}, {shape[2]})"

    def _finer_shapes(self) -> list[tuple[int, int, int]]:
        return [level.shape for level in self.config.finer]

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return pictures ``(N, C, H, W)``, in the units of the config, of latents ``(N, L)``.

        Of a latent vector the first numbers are the coarsest level's, then each level has a plane.
        """
        first, *others = torch.split(latents, self.widths, dim=1)
        picture = self.coarsest(first, labels)
        for latent, level, shape in zip(others, self.finer, self._finer_shapes(), strict=True):
            coarse = resized(picture, shape[1:])
            picture = coarse + level(latent, coarse, labels)
        return picture


class LaplacianDiscriminator(nn.Module):
    """The discriminators of all levels."""

    multiple = 1
    pixel_range = IMAGE_RANGE

    def __init__(self, config: LaplacianDiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        self.classes = config.coarsest.classes
        self.shapes = [config.coarsest.shape, *(level.shape for level in config.finer)]
        channels, height, width = self.shapes[-1]
        self.layout = f"(N, {channels}, {height}, {width}) to (N, 1) a level"
        self.units = PixelUnits(config.units, self.shapes[-1])
        self.coarsest = DenseDiscriminator(config.coarsest)
        self.finer = nn.ModuleList(_FINER[type(level)](level) for level in config.finer)

    def forward(self, pictures: Tensor, labels: Tensor | None = None) -> list[Tensor]:
        """Return logits ``(N, 1)`` for each level of pictures ``(N, C, H, W)``, coarsest first."""
        sizes = [shape[1:] for shape in self.shapes]
        coarsest, details = laplacian_pyramid(pictures, sizes, self.config.is_blurred)
        found = [self.coarsest(coarsest, labels)]
        for level, (coarse, detail) in zip(self.finer, details, strict=True):
            found.append(level(detail, coarse, labels))
        return found
