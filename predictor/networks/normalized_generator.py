"""Generators of normalized layers whose last one has normalized weights.

Salimans et al. 2016, for MNIST (code: ``train_mnist_feature_matching.py``).
"""

import math
from dataclasses import dataclass

from torch import Tensor, nn

from predictor.errors import SettingsError, TensorContractError
from predictor.latents import Distribution
from predictor.networks.normalization import without_gain
from predictor.networks.pixel_units import PixelUnits, Units
from predictor.networks.weight_normalization import WeightNormLinear
from predictor.tensors import IMAGE_RANGE


@dataclass(frozen=True)
class NormalizedDenseGeneratorConfig:
    """The layers; the defaults are the MNIST generator of Salimans et al. 2016."""

    shape: tuple[int, int, int] = (1, 28, 28)
    """``(C, H, W)`` of a picture."""

    latent: int = 100
    """Width of the latent vector."""

    distribution: Distribution = "positive_uniform"
    """Of the latents."""

    hidden: tuple[int, ...] = (500, 500)
    """Softplus units of the hidden layers, each normalized by the batch, with a bias, no gain."""

    normalization_epsilon: float = 1e-6
    """Added to variances."""

    units: Units = "unit"
    """What the pictures are in; it decides the last activation."""

    def __post_init__(self) -> None:
        if not self.hidden or min(self.latent, *self.hidden, *self.shape) < 1:
            raise SettingsError("latent, hidden and shape must be at least 1")
        if self.normalization_epsilon <= 0:
            raise SettingsError("normalization_epsilon must be more than 0")


class NormalizedDenseGenerator(nn.Module):
    """Pictures from latents by fully connected layers."""

    multiple = 1
    pixel_range = IMAGE_RANGE
    classes = None

    def __init__(self, config: NormalizedDenseGeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.latent_width, self.distribution = config.latent, config.distribution
        channels, height, width = config.shape
        self.layout = f"(N, {config.latent}) to (N, {channels}, {height}, {width})"
        self.units = PixelUnits(config.units, config.shape)
        inputs = config.latent
        self.hidden = nn.Sequential()
        for outputs in config.hidden:
            linear = nn.Linear(inputs, outputs, bias=False)
            nn.init.xavier_uniform_(linear.weight)
            normalization = nn.BatchNorm1d(outputs, eps=config.normalization_epsilon)
            self.hidden.extend([linear, without_gain(normalization), nn.Softplus()])
            inputs = outputs
        self.last = WeightNormLinear(inputs, math.prod(config.shape), has_trained_scale=True)
        nn.init.xavier_uniform_(self.last.direction)
        self.output = self.units.output()

    def forward(self, latents: Tensor, labels: None = None) -> Tensor:
        """Return pictures ``(N, C, H, W)``, in the units of the config, of latents ``(N, L)``.

        Raises `TensorContractError` for latents of another width, and for labels: it knows none.
        """
        if labels is not None:
            raise TensorContractError("labels were given to a network without classes")
        if latents.ndim != 2 or latents.shape[1] != self.latent_width:
            raise TensorContractError(
                f"latents are {tuple(latents.shape)}, expected (N, {self.latent_width})"
            )
        pixels = self.last(self.hidden(latents))
        return self.output(pixels).reshape(-1, *self.config.shape)
