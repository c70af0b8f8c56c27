"""Discriminators of fully connected maxout or ReLU layers, optionally after convolutions.

Goodfellow et al. 2014 (code: ``mnist.yaml``, ``cifar10_fully_connected.yaml``,
``cifar10_convolutional.yaml``) and the baselines of Denton et al. 2015 (code: ``train_cifar.lua``,
``train_cifar_classcond.lua``).
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from predictor.errors import SettingsError
from predictor.networks.classification import MinibatchLayer, minibatch_layer
from predictor.networks.initialization import Initialization, initialize
from predictor.networks.label_input import with_labels
from predictor.networks.maxout import MaxoutConvolution, MaxoutLinear
from predictor.networks.pixel_units import InUnits, PixelUnits, Units
from predictor.tensors import IMAGE_RANGE


@dataclass(frozen=True)
class PooledConvolution:
    """A maxout convolution and the max pooling after it."""

    channels: int
    kernel: int
    padding: int
    pool: int
    """Side of a pooling window in pixels; windows may reach over the edge."""
    stride: int = 2
    pieces: int = 2


@dataclass(frozen=True)
class DenseDiscriminatorConfig:
    """The layers; the defaults are the MNIST discriminator of Goodfellow et al. 2014."""

    shape: tuple[int, int, int] = (1, 28, 28)
    """``(C, H, W)`` of a picture."""

    classes: int | None = None
    """Classes whose one-hot label is concatenated to the pixels; None for no labels."""

    convolutions: tuple[PooledConvolution, ...] = ()
    """Convolutions before the hidden layers."""

    hidden: tuple[int, ...] = (240, 240)
    """Units of the hidden layers."""

    pieces: int = 5
    """Pieces of every maxout unit; 1 makes it a ReLU unit instead."""

    input_dropout: float = 0.2
    """Dropout rate of the inputs of the first layer."""

    dropout: float = 0.5
    """Dropout rate of the inputs of every other layer."""

    minibatch: MinibatchLayer = "none"
    """Minibatch discrimination before the last layer (Salimans et al. 2016)."""

    minibatch_kernels: int = 100
    minibatch_width: int = 5
    """Dimensions in which a kernel compares examples."""

    units: Units = "unit"
    """Units of the pictures."""

    initialization: Initialization = "uniform"
    scale: float = 0.005
    """Scale of the initial weights, see `Initialization`."""

    def __post_init__(self) -> None:
        if not self.hidden or min(*self.hidden, self.pieces, *self.shape) < 1 or self.classes == 0:
            raise SettingsError(
                f"hidden {self.hidden}, pieces {self.pieces}, shape {self.shape}, classes "
                f"{self.classes}: expected at least 1 of each"
            )
        if min(self.minibatch_kernels, self.minibatch_width) < 1:
            raise SettingsError("minibatch_kernels and minibatch_width must be at least 1")
        if not (0 <= self.input_dropout < 1 and 0 <= self.dropout < 1):
            raise SettingsError("input_dropout and dropout must be at least 0 and below 1")
        if self.classes is not None and self.convolutions:
            raise SettingsError(
                "classes and convolutions are set, expected one of them: labels join the pixels"
            )
        self.features()

    def features(self) -> int:
        """Return the number of inputs of the first hidden layer, not counting labels."""
        channels, *sides = self.shape
        for layer in self.convolutions:
            channels = layer.channels
            sides = [side + 2 * layer.padding - layer.kernel + 1 for side in sides]
            if min(sides) < layer.pool:
                raise SettingsError(f"{layer} does not fit pictures of {self.shape}")
            sides = [-(-(side - layer.pool) // layer.stride) + 1 for side in sides]
        return channels * sides[0] * sides[1]


class DenseDiscriminator(InUnits, nn.Module):
    """One logit for a picture; dropout is on in training mode, in the generator's phase too."""

    role: ClassVar[str] = "judge of pictures"

    multiple = 1
    pixel_range = IMAGE_RANGE

    def __init__(self, config: DenseDiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        self.classes = config.classes
        channels, height, width = config.shape
        self.layout = f"(N, {channels}, {height}, {width}) to (N, 1)"
        self.units = PixelUnits(config.units, config.shape)
        self.convolutions = nn.Sequential()
        for layer in config.convolutions:
            self.convolutions.extend(
                [
                    self._dropout(is_first=not self.convolutions),
                    MaxoutConvolution(
                        channels, layer.channels, layer.pieces, layer.kernel, layer.padding
                    ),
                    nn.MaxPool2d(layer.pool, layer.stride, ceil_mode=True),
                ]
            )
            channels = layer.channels
        inputs = config.features() + (config.classes or 0)
        self.hidden = nn.Sequential()
        for outputs in config.hidden:
            is_first = not self.convolutions and not self.hidden
            self.hidden.append(self._dropout(is_first))
            if config.pieces == 1:
                self.hidden.extend([nn.Linear(inputs, outputs), nn.ReLU()])
            else:
                self.hidden.append(MaxoutLinear(inputs, outputs, config.pieces))
            inputs = outputs
        self.minibatch, inputs = minibatch_layer(
            config.minibatch, inputs, config.minibatch_kernels, config.minibatch_width
        )
        self.last = nn.Sequential(self._dropout(is_first=False), nn.Linear(inputs, 1))
        initialize(self.modules(), config.initialization, config.scale)

    def _dropout(self, is_first: bool) -> nn.Module:
        return nn.Dropout(self.config.input_dropout if is_first else self.config.dropout)

    def forward(self, pictures: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return logits ``(N, 1)``, high where a picture looks real.

        `pictures` are ``(N, C, H, W)`` in the units of the config; `labels` int64 ``(N,)`` where
        there are classes. Raises `TensorContractError`.
        """
        return self.last(self.minibatch(self.features(pictures, labels)))

    def features(self, pictures: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the last hidden layer ``(N, F)``; arguments and errors as in `forward`."""
        features = self.convolutions(pictures).flatten(1)
        return self.hidden(with_labels(features, labels, self.classes))
