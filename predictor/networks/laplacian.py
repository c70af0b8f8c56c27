"""All levels of LAPGAN as one generator and one discriminator.

Denton et al. 2015. The networks of the finer levels are in `predictor.networks.laplacian_detail`.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from predictor.errors import SettingsError
from predictor.latents import Distribution
from predictor.networks.dense_discriminator import DenseDiscriminator, DenseDiscriminatorConfig
from predictor.networks.dense_generator import DenseGenerator, DenseGeneratorConfig
from predictor.networks.laplacian_detail import (
    DetailDiscriminator,
    DetailDiscriminatorConfig,
    DetailGenerator,
    DetailGeneratorConfig,
)
from predictor.networks.laplacian_large import (
    LargeDetailDiscriminatorConfig,
    LargeDetailGeneratorConfig,
)
from predictor.networks.pixel_units import PixelUnits, Units
from predictor.pyramid import laplacian_pyramid, resized
from predictor.tensors import IMAGE_RANGE


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
    """Units of the pixels from which the pyramid is made."""

    def __post_init__(self) -> None:
        _require_rising([self.coarsest, *self.finer])
        if self.coarsest.distribution != DetailGenerator.distribution:
            raise SettingsError(
                f"latents of the coarsest level are {self.coarsest.distribution}, expected "
                f"{DetailGenerator.distribution} as at all finer levels"
            )


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
    """Whether the pyramid is made by blurring and halving, or by resizing."""

    def __post_init__(self) -> None:
        _require_rising([self.coarsest, *self.finer])


def _require_rising(levels: list[Any]) -> None:
    shapes = [level.shape for level in levels]
    for before, after in pairwise(shapes):
        if before[0] != after[0] or before[1] >= after[1] or before[2] >= after[2]:
            raise SettingsError(
                f"shapes of the levels are {shapes}, expected equal channels and increasing sizes"
            )
    if len({level.classes for level in levels}) > 1:
        raise SettingsError("levels differ in classes, expected the same number, or none, for all")


_FINER: dict[type[Any], type[Any]] = {
    DetailGeneratorConfig: DetailGenerator,
    DetailDiscriminatorConfig: DetailDiscriminator,
    LargeDetailGeneratorConfig: DetailGenerator,
    LargeDetailDiscriminatorConfig: DetailDiscriminator,
}
"""The network of a finer level, by its config."""


class LaplacianGenerator(nn.Module):
    """The chain of all levels: a picture of the coarsest, to which each finer one adds detail."""

    role: ClassVar[str] = "generator of pyramids"

    distribution: Distribution = DetailGenerator.distribution
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

        A latent vector is that of the coarsest level followed by a noise plane for each finer one.
        """
        first, *others = torch.split(latents, self.widths, dim=1)
        picture = self.coarsest(first, labels)
        for latent, level, shape in zip(others, self.finer, self._finer_shapes(), strict=True):
            coarse = resized(picture, shape[1:])
            picture = coarse + level(latent, coarse, labels)
        return picture


class LaplacianDiscriminator(nn.Module):
    """The discriminators of all levels."""

    role: ClassVar[str] = "judge of pyramids"

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
        """Return the logits ``(N, 1)`` of each level for ``(N, C, H, W)``, coarsest first."""
        sizes = [shape[1:] for shape in self.shapes]
        coarsest, details = laplacian_pyramid(pictures, sizes, self.config.is_blurred)
        found = [self.coarsest(coarsest, labels)]
        for level, (coarse, detail) in zip(self.finer, details, strict=True):
            found.append(level(detail, coarse, labels))
        return found
