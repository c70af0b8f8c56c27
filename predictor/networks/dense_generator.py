"""Generators of fully connected layers, optionally with a transposed convolution at the end.

Goodfellow et al. 2014 (code: ``mnist.yaml``, ``cifar10_fully_connected.yaml``,
``cifar10_convolutional.yaml``) and the baselines of Denton et al. 2015 (code: ``train_cifar.lua``,
``train_cifar_classcond.lua``).
"""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from predictor.errors import SettingsError
from predictor.latents import Distribution
from predictor.networks.initialization import Initialization, initialize
from predictor.networks.label_input import with_labels
from predictor.networks.pixel_units import InUnits, PixelUnits, Units
from predictor.tensors import IMAGE_RANGE

Activation = Literal["relu", "sigmoid"]

_MARGIN = 1e-7
"""Pixel means are clipped to this distance from 0 and 1, whose logits are infinite (pylearn2)."""


@dataclass(frozen=True)
class DenseGeneratorConfig:
    """The layers; the defaults are the MNIST generator of Goodfellow et al. 2014."""

    shape: tuple[int, int, int] = (1, 28, 28)
    """``(C, H, W)`` of a picture."""

    latent: int = 100
    """Width of the latent vector."""

    distribution: Distribution = "unit_uniform"
    """Distribution of the latents."""

    classes: int | None = None
    """Classes whose one-hot label is concatenated to the latent; None for no labels."""

    hidden: tuple[int, ...] = (1200, 1200)
    """Units of the hidden layers."""

    activations: tuple[Activation, ...] = ("relu", "relu")
    """Activation of each hidden layer."""

    maps: int | None = None
    """Channels into which the last hidden layer is reshaped before a transposed convolution (80 for
    the convolutional CIFAR-10); None: the last layer is fully connected too."""

    kernel: int = 5
    """Of the transposed convolution, in pixels."""

    stride: int = 3
    """Of the transposed convolution, in pixels."""

    units: Units = "unit"
    """Units of the pictures, which determine the last activation."""

    initialization: Initialization = "uniform"
    scale: float = 0.05
    """Scale of the initial weights, see `Initialization`."""

    last_scale: float | None = None
    """Scale of those of the last layer (0.5 for the dense CIFAR-10); None: `scale`."""

    bias_from_data: bool = True
    """Initialize the last bias by the logit of every pixel's mean in the data; ``unit`` only."""

    def __post_init__(self) -> None:
        if not self.hidden or len(self.hidden) != len(self.activations):
            raise SettingsError(
                f"hidden {self.hidden} and activations {self.activations}: expected one activation "
                "for each layer, and at least one layer"
            )
        if min(self.latent, *self.hidden, *self.shape) < 1 or self.classes == 0:
            raise SettingsError("latent, hidden, shape and classes must be at least 1")
        if self.maps is not None:
            self.grid()

    def grid(self) -> tuple[int, int]:
        """Return the height and width to which the last hidden layer is reshaped."""
        _, height, width = self.shape
        sides = [(side - self.kernel) / self.stride + 1 for side in (height, width)]
        rows, columns = (math.floor(side) for side in sides)
        maps = self.maps or 1
        if sides != [rows, columns] or maps * rows * columns != self.hidden[-1]:
            raise SettingsError(
                f"{maps} maps of {rows}x{columns} are {maps * rows * columns} units, the last "
                f"hidden layer has {self.hidden[-1]}; kernel {self.kernel} and stride "
                f"{self.stride} must give {height}x{width}"
            )
        return rows, columns


class DenseGenerator(InUnits, nn.Module):
    """Generates pictures from latents by hidden layers and a layer of pixels."""

    role: ClassVar[str] = "generator"

    multiple = 1
    pixel_range = IMAGE_RANGE

    def __init__(self, config: DenseGeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.latent_width = config.latent
        self.distribution = config.distribution
        self.classes = config.classes
        channels, height, width = config.shape
        self.layout = f"(N, {config.latent}) to (N, {channels}, {height}, {width})"
        self.units = PixelUnits(config.units, config.shape)
        inputs = config.latent + (config.classes or 0)
        layers: list[nn.Module] = []
        for outputs, activation in zip(config.hidden, config.activations, strict=True):
            layers += [nn.Linear(inputs, outputs), _ACTIVATIONS[activation]()]
            inputs = outputs
        self.hidden = nn.Sequential(*layers)
        self.last: nn.Module
        if config.maps is None:
            self.last = nn.Linear(inputs, channels * height * width, bias=False)
        else:
            self.last = nn.ConvTranspose2d(
                config.maps, channels, config.kernel, config.stride, bias=False
            )
        self.pixel_bias = nn.Parameter(torch.zeros(config.shape))
        self.output = self.units.output()
        initialize(self.hidden.modules(), config.initialization, config.scale)
        last_scale = config.scale if config.last_scale is None else config.last_scale
        initialize([self.last], config.initialization, last_scale)
        if config.initialization == "torch":
            nn.init.uniform_(self.pixel_bias, -(inputs**-0.5), inputs**-0.5)

    def prepare(self, mean: Tensor, deviation: Tensor) -> None:
        """As `InUnits`; also initialize the last bias by the mean if the config says so."""
        super().prepare(mean, deviation)
        if self.config.units != "unit" or not self.config.bias_from_data:
            return
        share = ((mean.double() + 1) / 2).clamp(_MARGIN, 1 - _MARGIN)
        with torch.no_grad():
            self.pixel_bias.copy_(torch.logit(share))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return pictures ``(N, C, H, W)``, in the units of the config, of latents ``(N, L)``.

        `labels` are int64 ``(N,)`` where there are classes. Raises `TensorContractError`.
        """
        features = self.hidden(with_labels(latents, labels, self.classes))
        if self.config.maps is not None:
            features = features.reshape(-1, self.config.maps, *self.config.grid())
        pixels = self.last(features).reshape(-1, *self.config.shape)
        return self.output(pixels + self.pixel_bias)


_ACTIVATIONS: dict[Activation, type[nn.Module]] = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid}
