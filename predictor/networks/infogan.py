"""The networks of Chen et al. 2016: a generator of structured latents, a discriminator with Q.

Appendix C: the discriminator and Q, which reads the codes, are two heads on one trunk. The
defaults are the networks for MNIST; the recipes have those for SVHN, CelebA, faces and chairs.
"""

import math
from dataclasses import dataclass, field
from typing import ClassVar, Literal, NamedTuple

from torch import Tensor, nn

from predictor.errors import SettingsError, TensorContractError
from predictor.networks.initialization import initialize
from predictor.networks.pixel_units import PixelUnits
from predictor.networks.strides import layer_strides, require_halving, smallest_grid
from predictor.structured_latents import StructuredLatents
from predictor.tensors import IMAGE_RANGE, require_images

Shape = tuple[int, int, int]

_KERNEL = 4
_SCALE = 0.02
_PIXEL_RANGES = {"unit": (0.0, 1.0), "signed": IMAGE_RANGE}


class CodePosterior(NamedTuple):
    """Q's distribution of the codes given a picture."""

    logits: tuple[Tensor, ...]
    """Of each categorical code, ``(N, K)``."""

    means: Tensor
    """Of the uniform codes, ``(N, U)``; their density is normal."""

    log_variances: Tensor
    """``(N, U)``."""


class CodedJudgement(NamedTuple):
    """The outputs of both heads."""

    logits: Tensor
    """``(N, 1)``, high where a picture looks real."""

    codes: CodePosterior
    features: Tensor
    """``(N, F)``, the end of the trunk, for feature matching."""


@dataclass(frozen=True)
class InfoganGeneratorConfig:
    """The generator; the defaults are the one for MNIST."""

    shape: Shape = (1, 28, 28)
    """``(C, H, W)`` of a picture."""

    latents: StructuredLatents = field(default_factory=StructuredLatents)

    dense: int = 1024
    """Units of the fully connected layer before the first grid; 0 for no such layer."""

    maps: tuple[int, ...] = (128, 64)
    """Channels, from the first grid on, before each transposed convolution."""

    strides: tuple[int, ...] | None = None
    """Stride of each transposed convolution, 1 or 2; None: all 2."""

    plain: int = 0
    """Number of hidden transposed convolutions, counted from the last, without normalization."""

    units: Literal["unit", "signed"] = "unit"
    """Units of the pictures: [0, 1] by a sigmoid, or [-1, 1] by a tanh."""

    def __post_init__(self) -> None:
        require_halving(self.shape[1:], self.shape[0], self.maps, self.strides)
        if self.dense < 0:
            raise SettingsError(f"dense is {self.dense}, expected 0 or more")
        if not 0 <= self.plain < len(self.maps):
            raise SettingsError(f"plain is {self.plain}, expected 0 to {len(self.maps) - 1}")


class InfoganGenerator(nn.Module):
    """Generates pictures from structured latents: dense layers, then transposed convolutions.

    Kernels are 4 x 4, and every layer has a bias. Weights are initialized by N(0, 0.02), gains by
    N(1, 0.02).
    """

    role: ClassVar[str] = "generator from codes"

    multiple = 1

    def __init__(self, config: InfoganGeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.structure = config.latents
        self.latent_width = config.latents.width
        self.distribution = config.latents.distribution
        self.classes = None
        self.units = PixelUnits(config.units, config.shape)
        self.pixel_range = _PIXEL_RANGES[config.units]
        channels, height, width = config.shape
        self.layout = f"(N, {self.latent_width}) to (N, {channels}, {height}, {width})"
        strides = layer_strides(config.maps, config.strides)
        self.grid = (config.maps[0], *smallest_grid(config.shape[1:], strides))
        inputs = self.latent_width
        dense: list[nn.Module] = []
        for outputs in (config.dense, math.prod(self.grid)):
            if outputs:
                dense += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU()]
                inputs = outputs
        self.dense = nn.Sequential(*dense)
        layers: list[nn.Module] = []
        inner = len(config.maps) - 1
        for number, stride in enumerate(strides[:-1]):
            outputs = config.maps[number + 1]
            layers += _transposed(config.maps[number], outputs, stride)
            if number < inner - config.plain:
                layers.append(nn.BatchNorm2d(outputs))
            layers.append(nn.ReLU())
        layers += _transposed(config.maps[-1], channels, strides[-1])
        self.layers = nn.Sequential(*layers)
        self.output = self.units.output()
        initialize(self.modules(), "normal", _SCALE)
        _draw_gains(self)

    def forward(self, latents: Tensor, labels: None = None) -> Tensor:
        """Return pictures ``(N, C, H, W)``, in the units of the config, of latents ``(N, L)``.

        Raises `TensorContractError` for latents of another width, and for labels.
        """
        if latents.ndim != 2 or latents.shape[1] != self.latent_width:
            raise TensorContractError(
                f"latents have shape {tuple(latents.shape)}, expected (N, {self.latent_width})"
            )
        if labels is not None:
            raise TensorContractError("labels were given to a network without classes")
        planes = self.dense(latents).unflatten(1, self.grid)
        return self.output(self.layers(planes)).to(latents.dtype)


@dataclass(frozen=True)
class InfoganDiscriminatorConfig:
    """Trunk and heads; the defaults are those for MNIST with the paper's leak."""

    shape: Shape = (1, 28, 28)
    """``(C, H, W)`` of a picture."""

    latents: StructuredLatents = field(default_factory=StructuredLatents)

    maps: tuple[int, ...] = (64, 128)
    """Channels of the convolutions; all but the first are normalized."""

    strides: tuple[int, ...] | None = None
    """Stride of each convolution, 1 or 2; None: all 2."""

    dense: int = 1024
    """Units of the fully connected layer that ends the trunk; 0 for no such layer."""

    read: int = 128
    """Units of the hidden layer of Q."""

    deviation: float | None = None
    """Deviation of Q's density of a uniform code (1 in the released code); None: Q predicts it."""

    leak: float = 0.1
    """Negative slope of the leaky ReLU (0.01 in the released code)."""

    units: Literal["unit", "signed"] = "unit"
    """Units of the pictures, [0, 1] or [-1, 1]."""

    def __post_init__(self) -> None:
        require_halving(self.shape[1:], self.shape[0], self.maps, self.strides)
        if self.read < 1 or self.dense < 0:
            raise SettingsError(
                f"read is {self.read}, dense is {self.dense}: expected 1 or more, and 0 or more"
            )
        if self.deviation is not None and self.deviation <= 0:
            raise SettingsError(f"deviation is {self.deviation}, expected more than 0")


class InfoganDiscriminator(nn.Module):
    """The discriminator and Q, two heads on one trunk.

    Q's outputs are the logits of each categorical code, then the mean and the log-variance of each
    uniform code; the latter is there, but ignored, if the deviation is fixed. Weights are
    initialized by N(0, 0.02), truncated at two deviations for convolutions, gains by N(1, 0.02).
    """

    role: ClassVar[str] = "reader of codes"

    multiple = 1

    def __init__(self, config: InfoganDiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        self.structure = config.latents
        self.units = PixelUnits(config.units, config.shape)
        self.pixel_range = _PIXEL_RANGES[config.units]
        channels, height, width = config.shape
        self._outputs = [*config.latents.categorical, 2 * config.latents.uniform]
        self.layout = f"(N, {channels}, {height}, {width}) to (N, 1) and (N, {sum(self._outputs)})"
        strides = layer_strides(config.maps, config.strides)
        self.convolutions = nn.ModuleList()
        for maps, stride in zip(config.maps, strides, strict=True):
            layer = _convolution(channels, maps, stride)
            if len(self.convolutions):
                layer.append(nn.BatchNorm2d(maps))
            self.convolutions.append(nn.Sequential(*layer, nn.LeakyReLU(config.leak)))
            channels = maps
        seen = channels * math.prod(smallest_grid(config.shape[1:], strides))
        self.dense = nn.Sequential()
        if config.dense:
            self.dense.extend(_dense(seen, config.dense, config.leak))
            seen = config.dense
        self.judge = nn.Linear(seen, 1)
        self.reader = nn.Sequential(
            *_dense(seen, config.read, config.leak), nn.Linear(config.read, sum(self._outputs))
        )
        initialize(self.modules(), "normal", _SCALE)
        for module in self.convolutions.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.trunc_normal_(module.weight, std=_SCALE, a=-2 * _SCALE, b=2 * _SCALE)
        _draw_gains(self)

    @property
    def image_shape(self) -> Shape:
        """``(C, H, W)`` of the pictures that it judges."""
        return self.config.shape

    def activations(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the activations of every convolution on pictures ``(N, C, H, W)``.

        Pictures are in `pixel_range`; each result is ``(N, C, h, w)``, after the nonlinearity.
        Raises `TensorContractError` for another size or number of channels.
        """
        channels, height, width = self.config.shape
        require_images(images, channels=channels)
        if tuple(images.shape[-2:]) != (height, width):
            raise TensorContractError(
                f"images are {images.shape[-1]}x{images.shape[-2]}, expected {width}x{height}"
            )
        found = []
        for layer in self.convolutions:
            images = layer(images)
            found.append(images)
        return tuple(found)

    def forward(self, images: Tensor) -> CodedJudgement:
        """Return the outputs of both heads for pictures as `activations` takes them."""
        features = self.dense(self.activations(images)[-1].flatten(1))
        *logits, numbers = self.reader(features).split(self._outputs, dim=1)
        means, log_variances = numbers.unflatten(1, (-1, 2)).unbind(dim=2)
        if self.config.deviation is not None:
            fixed = 2 * math.log(self.config.deviation)
            log_variances = log_variances.new_full(log_variances.shape, fixed)
        posterior = CodePosterior(tuple(logits), means, log_variances)
        return CodedJudgement(self.judge(features), posterior, features)


def _dense(inputs: int, outputs: int, leak: float) -> list[nn.Module]:
    return [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.LeakyReLU(leak)]


def _convolution(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
    """Return the layers of a convolution that keeps the size, or halves it, as TensorFlow pads."""
    if stride == 2:
        return [nn.Conv2d(inputs, outputs, _KERNEL, 2, padding=1)]
    return [nn.ZeroPad2d((1, 2, 1, 2)), nn.Conv2d(inputs, outputs, _KERNEL)]


def _transposed(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
    """Return the layers of a transposed convolution that keeps the size, or doubles it."""
    if stride == 2:
        return [nn.ConvTranspose2d(inputs, outputs, _KERNEL, 2, padding=1)]
    whole = nn.ConvTranspose2d(inputs, outputs, _KERNEL, padding=1)
    return [whole, nn.ZeroPad2d((0, -1, 0, -1))]


def _draw_gains(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, _SCALE)
