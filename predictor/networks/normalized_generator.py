"""Generators with batch or virtual batch normalization and a weight-normalized last layer.

Salimans et al. 2016, for MNIST, CIFAR-10 and SVHN (code: ``train_mnist_feature_matching.py``,
``train_cifar_feature_matching.py``).
"""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from predictor.errors import SettingsError, TensorContractError
from predictor.latents import Distribution, drawn_latents
from predictor.networks.initialization import initialize
from predictor.networks.normalization import WithoutGain
from predictor.networks.pixel_units import PixelUnits, Units
from predictor.networks.virtual_normalization import VirtualBatchNorm
from predictor.networks.weight_normalization import (
    WeightNormLinear,
    WeightNormTransposedConvolution,
    begin_from_data,
)
from predictor.tensors import IMAGE_RANGE


@dataclass(frozen=True)
class NormalizedGeneratorConfig:
    """Options of both kinds of generator."""

    shape: tuple[int, int, int] = (1, 28, 28)
    """``(C, H, W)`` of a picture."""

    latent: int = 100
    """Width of the latent vector."""

    distribution: Distribution = "positive_uniform"
    """Distribution of the latents."""

    normalization: Literal["batch", "virtual"] = "batch"
    """Normalization of the hidden layers, which has a bias and no gain: batch normalization, or
    virtual batch normalization by a fixed reference batch and the example itself."""

    references: int = 100
    """Size of the reference batch of ``virtual``, whose latents are drawn once and kept."""

    normalization_epsilon: float = 1e-6
    """Added to variances."""

    units: Units = "unit"
    """Units of the pictures, which determine the last activation."""

    def __post_init__(self) -> None:
        if min(self.latent, self.references, *self.shape) < 1:
            raise SettingsError("latent, references and shape must be at least 1")
        if self.normalization_epsilon <= 0:
            raise SettingsError("normalization_epsilon must be more than 0")


@dataclass(frozen=True)
class NormalizedDenseGeneratorConfig(NormalizedGeneratorConfig):
    """The layers; the defaults are the MNIST generator of Salimans et al. 2016."""

    hidden: tuple[int, ...] = (500, 500)
    """Softplus units of the hidden layers."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.hidden or min(self.hidden) < 1:
            raise SettingsError(
                f"hidden is {self.hidden}, expected at least one layer of at least one unit"
            )


@dataclass(frozen=True)
class NormalizedConvolutionalGeneratorConfig(NormalizedGeneratorConfig):
    """The layers; the defaults are the generator for CIFAR-10 and SVHN."""

    shape: tuple[int, int, int] = (3, 32, 32)
    """``(C, H, W)`` of a picture."""

    maps: tuple[int, ...] = (512, 256, 128)
    """Channels from the smallest grid on; every transposed convolution doubles the grid."""

    kernel: Literal[3, 5] = 5

    last_deviation: float = 0.1
    """Deviation of the pre-activations of the pictures after initialization."""

    units: Units = "signed"
    """Units of the pictures, which determine the last activation."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.maps or min(self.maps) < 1 or self.last_deviation <= 0:
            raise SettingsError(
                f"maps {self.maps}, last_deviation {self.last_deviation}: expected 1 or more "
                "layers of 1 or more channels, and more than 0"
            )
        factor = 2 ** len(self.maps)
        if any(side % factor for side in self.shape[1:]):
            height, width = self.shape[1:]
            raise SettingsError(
                f"pictures are {height}x{width}, expected multiples of {factor}: the layers double "
                f"the grid {len(self.maps)} times"
            )

    @property
    def grid(self) -> tuple[int, int]:
        """Height and width of the smallest grid."""
        factor = 2 ** len(self.maps)
        return self.shape[1] // factor, self.shape[2] // factor


class NormalizedGenerator(nn.Module):
    """Base of both kinds: latents, units, and a reference batch if one is needed."""

    role: ClassVar[str] = "normalized generator"

    multiple = 1
    pixel_range = IMAGE_RANGE
    classes = None
    reference: Tensor | None
    last: nn.Module

    def __init__(self, config: NormalizedGeneratorConfig) -> None:
        super().__init__()
        self.latent_width, self.distribution = config.latent, config.distribution
        self.shape = config.shape
        channels, height, width = config.shape
        self.layout = f"(N, {config.latent}) to (N, {channels}, {height}, {width})"
        self.units = PixelUnits(config.units, config.shape)
        self.output = self.units.output()
        reference = None
        if config.normalization == "virtual":
            reference = drawn_latents(config.distribution, (config.references, config.latent))
        self.register_buffer("reference", reference)

    def prepare(self, count: int) -> None:
        """Initialize scale and bias of the last layer from `count` samples."""
        device = next(self.parameters()).device
        latents = drawn_latents(self.distribution, (count, self.latent_width), device)
        begin_from_data(self, lambda: self(latents))

    def forward(self, latents: Tensor, labels: None = None) -> Tensor:
        """Return pictures ``(N, C, H, W)``, in the units of the config, of latents ``(N, L)``.

        Raises `TensorContractError` for latents of another width, and for labels.
        """
        if labels is not None:
            raise TensorContractError("labels were given to a network without classes")
        if latents.ndim != 2 or latents.shape[1] != self.latent_width:
            raise TensorContractError(
                f"latents are {tuple(latents.shape)}, expected (N, {self.latent_width})"
            )
        if self.reference is None:
            hidden = self.hidden_units(latents)
        else:
            hidden = self.hidden_units(torch.cat([self.reference, latents]))
            hidden = hidden[len(self.reference) :]
        return self.output(self.last(hidden)).reshape(-1, *self.shape)

    def hidden_units(self, latents: Tensor) -> Tensor:
        """Return the input of the last layer for `latents`, the reference batch before them."""
        raise NotImplementedError


class NormalizedDenseGenerator(NormalizedGenerator):
    """Generates pictures from latents by fully connected layers."""

    def __init__(self, config: NormalizedDenseGeneratorConfig) -> None:
        super().__init__(config)
        self.config = config
        inputs = config.latent
        self.hidden = nn.Sequential()
        for outputs in config.hidden:
            linear = nn.Linear(inputs, outputs, bias=False)
            nn.init.xavier_uniform_(linear.weight)
            self.hidden.extend([linear, _normalization(config, outputs), nn.Softplus()])
            inputs = outputs
        last = WeightNormLinear(inputs, math.prod(config.shape), has_trained_scale=True)
        nn.init.xavier_uniform_(last.direction)
        self.last = last

    def prepare(self, count: int) -> None:
        """Do nothing: in the code this layer is not initialized from data."""

    def hidden_units(self, latents: Tensor) -> Tensor:
        """Return the last hidden layer ``(N, units)``."""
        return self.hidden(latents)


class NormalizedConvolutionalGenerator(NormalizedGenerator):
    """Generates pictures by transposed convolutions; the first layer is normalized per unit."""

    def __init__(self, config: NormalizedConvolutionalGeneratorConfig) -> None:
        super().__init__(config)
        self.config = config
        first, *others = config.maps
        units = first * math.prod(config.grid)
        self.project = nn.Sequential(
            nn.Linear(config.latent, units, bias=False), _normalization(config, units), nn.ReLU()
        )
        self.hidden = nn.Sequential()
        channels = first
        for maps in others:
            layer = nn.ConvTranspose2d(
                channels,
                maps,
                config.kernel,
                2,
                (config.kernel - 1) // 2,
                output_padding=1,
                bias=False,
            )
            self.hidden.extend([layer, _normalization(config, maps, is_flat=False), nn.ReLU()])
            channels = maps
        initialize(self.modules(), "normal", 0.05)
        self.last = WeightNormTransposedConvolution(
            channels,
            config.shape[0],
            config.kernel,
            has_trained_scale=True,
            output_deviation=config.last_deviation,
        )

    def hidden_units(self, latents: Tensor) -> Tensor:
        """Return the maps before the last layer."""
        grid = (self.config.maps[0], *self.config.grid)
        return self.hidden(self.project(latents).unflatten(1, grid))


def _normalization(
    config: NormalizedGeneratorConfig, channels: int, *, is_flat: bool = True
) -> nn.Module:
    epsilon = config.normalization_epsilon
    if config.normalization == "virtual":
        return VirtualBatchNorm(channels, config.references, epsilon, has_gain=False)
    kind = nn.BatchNorm1d if is_flat else nn.BatchNorm2d
    return WithoutGain(kind(channels, eps=epsilon, affine=False))
