"""The networks of Radford, Metz and Chintala 2015: strided convolutions and batch normalization.

A fully connected layer makes the generator's first grid, and each further layer doubles it. The
discriminator mirrors that and ends in one logit. All layers but the generator's output and the
discriminator's input are normalized. `predictor.networks.dcgan_variants` has the configs of the
paper's networks, of its released code (Theano) and of the port to Torch.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from predictor.errors import SettingsError, TensorContractError
from predictor.latents import Distribution, drawn_latents
from predictor.networks.classification import MinibatchLayer, minibatch_layer
from predictor.networks.initialization import initialize
from predictor.networks.judgement import Judgement
from predictor.networks.pixel_units import PixelUnits
from predictor.networks.strides import layer_strides, require_halving, smallest_grid
from predictor.networks.virtual_normalization import VirtualBatchNorm
from predictor.tensors import IMAGE_RANGE, require_images

LEAK = 0.2
_LARGEST_LAST = 7  # pixels a side of the smallest grid, unless an odd side ends the halving

Size = tuple[int, int]


@dataclass(frozen=True)
class DcganGeneratorConfig:
    """Sizes of the generator; defaults are the paper's for 64 x 64 (section 3, figure 1)."""

    size: Size = (64, 64)
    """Height and width of the images in pixels."""

    channels: int = 3
    """3 for colour, 1 for grey."""

    latent: int = 100
    """Width of the latent vector."""

    distribution: Distribution = "uniform"
    """Of the latents: ``uniform`` (paper) or ``normal`` (Torch; released networks for SVHN)."""

    maps: tuple[int, ...] = (1024, 512, 256, 128)
    """Channels of the hidden layers, from the smallest grid on."""

    strides: tuple[int, ...] | None = None
    """Stride of each transposed convolution, 1 or 2; None: all 2."""

    kernel: Literal[3, 4, 5] = 5

    is_normalized_per_unit: bool = False
    """Normalize each unit of the first grid by itself, not each channel (released code)."""

    normalization: Literal["batch", "virtual"] = "batch"
    """``virtual``: by a fixed reference batch and the example itself (Salimans et al. 2016), so
    that no picture depends on the others of its batch."""

    references: int = 100
    """Size of the reference batch of ``virtual``, whose latents are drawn once and kept."""

    normalization_epsilon: float = 1e-5
    """Added to variances; 1e-8 in the released code."""

    pixel_range: ClassVar[tuple[float, float]] = IMAGE_RANGE
    """The output passes a tanh."""

    def __post_init__(self) -> None:
        _require_possible(self)
        if min(self.latent, self.references) < 1:
            raise SettingsError(
                f"latent is {self.latent}, references {self.references}: expected 1 or more"
            )

    @property
    def first_size(self) -> Size:
        """Height and width of the smallest grid."""
        return smallest_grid(self.size, layer_strides(self.maps, self.strides))


class DcganGenerator(nn.Module):
    """Generates images from latents.

    Weights are initialized by N(0, 0.02), gains by N(1, 0.02), the biases of the normalization by
    0; there are no other biases.
    """

    role: ClassVar[str] = "generator"

    reference: Tensor | None

    def __init__(self, config: DcganGeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.pixel_range = config.pixel_range
        self.latent_width, self.distribution = config.latent, config.distribution
        self.classes = None
        self.units = PixelUnits("signed", (config.channels, *config.size))
        self.multiple = 1
        self.layout = f"(N, {config.latent}) to {_images(config)}"
        first, *others = config.maps
        units = first * math.prod(config.first_size)
        self.project = nn.Linear(config.latent, units, bias=False)
        reference = None
        if config.normalization == "virtual":
            reference = drawn_latents(config.distribution, (config.references, config.latent))
        self.register_buffer("reference", reference)
        self.normalize = _normalization(
            config, units if config.is_normalized_per_unit else first, config.is_normalized_per_unit
        )
        layers: list[nn.Module] = []
        channels = first
        *inner, last = layer_strides(config.maps, config.strides)
        for maps, stride in zip(others, inner, strict=True):
            layers += [
                _transposed(channels, maps, config.kernel, stride),
                _normalization(config, maps),
                nn.ReLU(),
            ]
            channels = maps
        layers.append(_transposed(channels, config.channels, config.kernel, last))
        self.layers = nn.Sequential(*layers)
        _initialize(self)

    def forward(self, latents: Tensor, labels: None = None) -> Tensor:
        """Return images ``(N, channels, H, W)`` in [-1, 1] made from `latents` ``(N, latent)``.

        Raises `TensorContractError` for latents of another width, and for labels.
        """
        _require_latents(latents, self.latent_width)
        if labels is not None:
            raise TensorContractError("labels were given to a network without classes")
        grid = (self.config.maps[0], *self.config.first_size)
        made = len(latents)
        if self.reference is not None:
            latents = torch.cat([self.reference.to(latents.dtype), latents])
        units = self.project(latents)
        if self.config.is_normalized_per_unit:
            maps = self.normalize(units).unflatten(1, grid)
        else:
            maps = self.normalize(units.unflatten(1, grid))
        return self.layers(maps.relu())[len(latents) - made :].tanh().to(latents.dtype)


@dataclass(frozen=True)
class DcganDiscriminatorConfig:
    """Sizes of the discriminator; defaults are the paper's for 64 x 64."""

    size: Size = (64, 64)
    """Height and width of the images in pixels."""

    channels: int = 3
    """3 for colour, 1 for grey."""

    maps: tuple[int, ...] = (128, 256, 512, 1024)
    """Channels of the convolutions."""

    strides: tuple[int, ...] | None = None
    """Stride of each convolution, 1 or 2; None: all 2."""

    kernel: Literal[3, 4, 5] = 5

    normalization_epsilon: float = 1e-5
    """Added to variances; 1e-8 in the released code."""

    minibatch: MinibatchLayer = "none"
    """Minibatch discrimination before the last layer (Salimans et al. 2016)."""

    minibatch_kernels: int = 100
    minibatch_width: int = 5
    """Dimensions in which a kernel compares examples."""

    pixel_range: ClassVar[tuple[float, float]] = IMAGE_RANGE

    def __post_init__(self) -> None:
        _require_possible(self)
        if min(self.minibatch_kernels, self.minibatch_width) < 1:
            raise SettingsError("minibatch_kernels and minibatch_width must be at least 1")

    @property
    def last_size(self) -> Size:
        """Height and width of the smallest grid."""
        return smallest_grid(self.size, layer_strides(self.maps, self.strides))


class DcganDiscriminator(nn.Module):
    """One logit for an image; initialized like the generator."""

    role: ClassVar[str] = "judge of pictures"

    def __init__(self, config: DcganDiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        self.pixel_range = config.pixel_range
        self.multiple = 1
        self.layout = f"{_images(config)} to (N, 1, 1, 1)"
        self.layers = nn.ModuleList()
        channels = config.channels
        for maps, stride in zip(
            config.maps, layer_strides(config.maps, config.strides), strict=True
        ):
            padding = (config.kernel - 1) // 2
            layer: list[nn.Module] = [
                nn.Conv2d(channels, maps, config.kernel, stride, padding, bias=False)
            ]
            if self.layers:
                layer.append(nn.BatchNorm2d(maps, eps=config.normalization_epsilon))
            self.layers.append(nn.Sequential(*layer, nn.LeakyReLU(LEAK)))
            channels = maps
        self.minibatch, inputs = minibatch_layer(
            config.minibatch,
            channels * math.prod(config.last_size),
            config.minibatch_kernels,
            config.minibatch_width,
        )
        self.last = nn.Linear(inputs, 1, bias=False)
        _initialize(self)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """``(C, H, W)`` of the images that it judges."""
        return (self.config.channels, *self.config.size)

    def activations(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the activations of every convolution on images ``(N, channels, H, W)``.

        Images are in [-1, 1]; each result is ``(N, C, h, w)``, after the nonlinearity. Raises
        `TensorContractError` for images of another size or number of channels.
        """
        _require_size(images, self.config.size, self.config.channels)
        found = []
        for layer in self.layers:
            images = layer(images)
            found.append(images)
        return tuple(found)

    def forward(self, images: Tensor) -> Judgement:
        """Return the judgement on images as `activations` takes them, logits ``(N, 1, 1, 1)``."""
        features = self.activations(images)
        seen = self.minibatch(features[-1].flatten(1))
        return Judgement(self.last(seen)[..., None, None], features)


def usual_maps(size: Size, first: int = 128) -> tuple[int, ...]:
    """Return the channels of a discriminator for images of `size`; reversed, of a generator.

    Sides are halved while both are even and above 7, the channels doubled up to eight times
    `first`: the paper's four layers for 64 x 64, three for 32 x 32, five for 128 x 128.
    """
    maps: list[int] = []
    height, width = size
    while not maps or (min(height, width) > _LARGEST_LAST and height % 2 == width % 2 == 0):
        maps.append(first * min(2 ** len(maps), 8))
        height, width = height // 2, width // 2
    return tuple(maps)


def _initialize(network: nn.Module) -> None:
    """Initialize weights by N(0, 0.02) and gains by N(1, 0.02)."""
    initialize(network.modules(), "normal", 0.02)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | VirtualBatchNorm):
            assert module.weight is not None
            nn.init.normal_(module.weight, 1.0, 0.02)


def _normalization(
    config: DcganGeneratorConfig, channels: int, is_per_unit: bool = False
) -> nn.Module:
    epsilon = config.normalization_epsilon
    if config.normalization == "virtual":
        return VirtualBatchNorm(channels, config.references, epsilon)
    kind = nn.BatchNorm1d if is_per_unit else nn.BatchNorm2d
    return kind(channels, eps=epsilon)


def _images(config: DcganGeneratorConfig | DcganDiscriminatorConfig) -> str:
    return f"(N, {config.channels}, {config.size[0]}, {config.size[1]})"


def _require_latents(latents: Tensor, length: int) -> None:
    if latents.ndim != 2 or latents.shape[1] != length or not latents.is_floating_point():
        raise TensorContractError(
            f"latents are {latents.dtype} {tuple(latents.shape)}, expected floats (N, {length})"
        )


def _require_size(images: Tensor, size: Size, channels: int) -> None:
    require_images(images, channels=channels)
    if tuple(images.shape[-2:]) != size:
        raise TensorContractError(
            f"images are {images.shape[-1]}x{images.shape[-2]}, expected {size[1]}x{size[0]}"
        )


def _transposed(channels: int, maps: int, kernel: int, stride: int) -> nn.ConvTranspose2d:
    padding = (kernel - 1) // 2
    return nn.ConvTranspose2d(
        channels,
        maps,
        kernel,
        stride,
        padding,
        output_padding=stride - 1 if kernel % 2 else 0,
        bias=False,
    )


def _require_possible(config: DcganGeneratorConfig | DcganDiscriminatorConfig) -> None:
    strides = require_halving(config.size, config.channels, config.maps, config.strides)
    if config.kernel == 4 and 1 in strides:
        raise SettingsError("kernel is 4, which changes the size at stride 1: expected 3 or 5")
    if config.normalization_epsilon <= 0:
        raise SettingsError(
            f"normalization_epsilon is {config.normalization_epsilon}, expected more than 0"
        )
