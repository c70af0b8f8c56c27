"""A classifying discriminator of fully connected layers, with noise before every layer.

Salimans et al. 2016, for MNIST (code: ``train_mnist_feature_matching.py``).
"""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor, nn

from predictor.errors import SettingsError
from predictor.networks.classification import (
    ClassifyingDiscriminator,
    MinibatchLayer,
    minibatch_layer,
)
from predictor.networks.initialization import initialize
from predictor.networks.noise import GaussianNoise
from predictor.networks.pixel_units import Units
from predictor.networks.weight_normalization import WeightNormLinear


@dataclass(frozen=True)
class DenseClassifierConfig:
    """The layers; the defaults are the MNIST discriminator of Salimans et al. 2016."""

    shape: tuple[int, int, int] = (1, 28, 28)
    """``(C, H, W)`` of a picture."""

    classes: int = 10
    """Number of real classes; generated pictures are one more."""

    hidden: tuple[int, ...] = (1000, 500, 250, 250, 250)
    """ReLU units of the hidden layers; the last are the features for feature matching."""

    input_noise: float = 0.3
    """Deviation of noise added to the pictures, in their units."""

    noise: float = 0.5
    """Deviation of noise added before every other layer."""

    weights: Literal["normalized", "plain"] = "normalized"
    """Weight normalization with initialization from data, or plain layers for comparison."""

    weight_deviation: float = 0.1
    """Deviation of the initial weights; of normalized ones the length does not matter."""

    minibatch: MinibatchLayer = "none"
    minibatch_kernels: int = 100
    minibatch_width: int = 5
    """Dimensions in which a kernel compares examples."""

    units: Units = "unit"
    """Units of the pictures."""

    def __post_init__(self) -> None:
        if not self.hidden or min(*self.hidden, *self.shape) < 1 or self.classes < 2:
            raise SettingsError(
                f"hidden {self.hidden}, shape {self.shape}, classes {self.classes}: expected at "
                "least 1 of each, and 2 classes"
            )
        if min(self.minibatch_kernels, self.minibatch_width) < 1:
            raise SettingsError("minibatch_kernels and minibatch_width must be at least 1")
        if min(self.input_noise, self.noise) < 0 or self.weight_deviation <= 0:
            raise SettingsError(
                "input_noise and noise must be at least 0, weight_deviation above it"
            )


class DenseClassifier(ClassifyingDiscriminator):
    """A classifier with noise in training mode, in the generator's phase too.

    The scale of the weights is trained in the last layer only.
    """

    role: ClassVar[str] = "classifier"

    def __init__(self, config: DenseClassifierConfig) -> None:
        super().__init__(config)
        inputs, noise = math.prod(config.shape), config.input_noise
        self.hidden = nn.Sequential()
        for outputs in config.hidden:
            layer = _linear(config, inputs, outputs, has_trained_scale=False)
            self.hidden.extend([GaussianNoise(noise), layer, nn.ReLU()])
            inputs, noise = outputs, config.noise
        layer, inputs = minibatch_layer(
            config.minibatch, inputs, config.minibatch_kernels, config.minibatch_width
        )
        last = _linear(config, inputs, config.classes, has_trained_scale=True)
        self.last = nn.Sequential(layer, GaussianNoise(noise), last)

    def seen(self, images: Tensor) -> Tensor:
        """Return the features of images of the right shape."""
        return self.hidden(images.flatten(1))


def _linear(
    config: DenseClassifierConfig, inputs: int, outputs: int, *, has_trained_scale: bool
) -> nn.Module:
    if config.weights == "plain":
        layer = nn.Linear(inputs, outputs)
        initialize([layer], "normal", config.weight_deviation)
        return layer
    return WeightNormLinear(
        inputs,
        outputs,
        has_trained_scale=has_trained_scale,
        weight_deviation=config.weight_deviation,
        epsilon=0.0,
    )
