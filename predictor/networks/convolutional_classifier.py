"""A classifying discriminator of nine convolutions.

Salimans et al. 2016, for CIFAR-10 and SVHN (code: ``train_cifar_feature_matching.py``,
``train_svhn_feature_matching.py`` and the two for minibatch discrimination).
"""

import functools
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from predictor.errors import SettingsError
from predictor.networks.classification import (
    ClassifyingDiscriminator,
    MinibatchLayer,
    minibatch_layer,
)
from predictor.networks.noise import GaussianNoise
from predictor.networks.pixel_units import Units
from predictor.networks.weight_normalization import (
    WeightNormConvolution,
    WeightNormLinear,
)

LEAK = 0.2
_SMALLEST = 12
"""Smallest side in pixels: it is halved twice, then a convolution is not padded."""


@dataclass(frozen=True)
class ConvolutionalClassifierConfig:
    """The layers; the defaults are the CIFAR-10 discriminator with feature matching."""

    shape: tuple[int, int, int] = (3, 32, 32)
    """``(C, H, W)`` of a picture."""

    classes: int = 10
    """Number of real classes; generated pictures are one more."""

    maps: tuple[int, int] = (96, 192)
    """Channels of the first three convolutions and of the others; (64, 128) for SVHN."""

    input_dropout: float = 0.2
    """Dropout rate of the pixels; 0 with minibatch discrimination."""

    input_noise: float = 0.0
    """Deviation of noise added to the pictures; 0.2 with minibatch discrimination."""

    dropout: float = 0.5
    """Dropout rate after the third and the sixth convolution."""

    weight_deviation: float = 0.05
    """Deviation of the initial weights, whose length does not matter."""

    last_deviation: float = 0.1
    """Deviation of the logits of real pictures after initialization."""

    minibatch: MinibatchLayer = "none"
    minibatch_kernels: int = 100
    minibatch_width: int = 5
    """Dimensions in which a kernel compares examples."""

    units: Units = "signed"
    """Units of the pictures."""

    def __post_init__(self) -> None:
        least = min(*self.maps, self.minibatch_kernels, self.minibatch_width, self.shape[0])
        if least < 1 or self.classes < 2:
            raise SettingsError(
                f"maps {self.maps}, classes {self.classes}, shape {self.shape}, minibatch_kernels "
                f"{self.minibatch_kernels}, minibatch_width {self.minibatch_width}: expected 2 or "
                "more classes, 1 or more of each other"
            )
        if min(self.shape[1:]) < _SMALLEST:
            raise SettingsError(
                f"shape is {self.shape}, expected pictures of at least {_SMALLEST}x{_SMALLEST}"
            )
        if not (0 <= self.input_dropout < 1 and 0 <= self.dropout < 1):
            raise SettingsError("input_dropout and dropout must be at least 0 and below 1")
        if self.input_noise < 0 or min(self.weight_deviation, self.last_deviation) <= 0:
            raise SettingsError("input_noise must be at least 0, the deviations above it")


class ConvolutionalClassifier(ClassifyingDiscriminator):
    """A classifier with noise and dropout in training mode, in the generator's phase too.

    The features are the means of the last maps. The scale of the weights is trained in the last
    layer only.
    """

    role: ClassVar[str] = "classifier"

    def __init__(self, config: ConvolutionalClassifierConfig) -> None:
        super().__init__(config)
        convolution = functools.partial(_convolution, config.weight_deviation)
        first, second = config.maps
        self.hidden = nn.Sequential(
            GaussianNoise(config.input_noise),
            nn.Dropout(config.input_dropout),
            *convolution(config.shape[0], first),
            *convolution(first, first),
            *convolution(first, first, stride=2),
            nn.Dropout(config.dropout),
            *convolution(first, second),
            *convolution(second, second),
            *convolution(second, second, stride=2),
            nn.Dropout(config.dropout),
            *convolution(second, second, padding=0),
            *convolution(second, second, kernel=1, padding=0),
            *convolution(second, second, kernel=1, padding=0),
        )
        layer, features = minibatch_layer(
            config.minibatch, second, config.minibatch_kernels, config.minibatch_width
        )
        last = WeightNormLinear(
            features,
            config.classes,
            has_trained_scale=True,
            weight_deviation=config.weight_deviation,
            output_deviation=config.last_deviation,
        )
        self.last = nn.Sequential(layer, last)

    def seen(self, images: Tensor) -> Tensor:
        """Return the features of images of the right shape."""
        return self.hidden(images).mean(dim=(2, 3))


def _convolution(
    deviation: float,
    channels: int,
    maps: int,
    *,
    kernel: int = 3,
    stride: int = 1,
    padding: int = 1,
) -> list[nn.Module]:
    return [
        WeightNormConvolution(
            channels,
            maps,
            kernel,
            stride=stride,
            padding=padding,
            has_trained_scale=False,
            weight_deviation=deviation,
        ),
        nn.LeakyReLU(LEAK),
    ]
