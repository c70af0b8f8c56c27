"""The network of Pathak et al. 2016 that learns features: AlexNet's encoder and a light decoder.

Between them every feature map is spread over its own 6 x 6 places by a fully connected layer that
maps do not share: one for all maps would have 84,934,656 weights, this has 331,776.

The paper's definition of the network was not released. The encoder is AlexNet up to its last
pooling as published; the decoder's widths and kernels are from memory of figure 9b.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from predictor.errors import SettingsError, TensorContractError
from predictor.networks.colour_fill import MEAN_COLOUR, Colour, coloured
from predictor.tensors import IMAGE_RANGE, constants, require_images, require_masks

SIDE_PX = 227
_PLACES = 6  # AlexNet's last pooling leaves 6 x 6 of 227 x 227
_CHANNELS = 256


class ChannelwiseLinear(nn.Module):
    """Fully connected layers from all places of a map ``(side, side)`` to all places of the same.

    Pathak et al. 2016, section 3.1: m n^4 weights for m maps of n x n.
    """

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        places = side * side
        self.weight = nn.Parameter(torch.empty(channels, places, places))
        self.bias = nn.Parameter(torch.zeros(channels, places))
        nn.init.normal_(self.weight, 0.0, (2 / places) ** 0.5)

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps ``(N, C, side, side)``; map i depends on map i only."""
        flat = maps.flatten(2).transpose(0, 1)
        spread = torch.baddbmm(self.bias[:, None], flat, self.weight.to(flat.dtype))
        return spread.transpose(0, 1).reshape(maps.shape)


@dataclass(frozen=True)
class FeatureEncoderConfig:
    """What may be chosen of the network; its shape is AlexNet's."""

    decoder_maps: tuple[int, ...] = (128, 64, 64, 32)
    """Channels of the decoder's hidden layers, each of which nearly doubles the side."""

    fill_colour: Colour = MEAN_COLOUR
    """RGB in [-1, 1] that holes are filled with."""

    hole_px: int = 113
    """Width of the widest hole."""

    side_px: ClassVar[int] = SIDE_PX
    painted_px: ClassVar[int] = SIDE_PX
    pixel_range: ClassVar[tuple[float, float]] = IMAGE_RANGE

    def __post_init__(self) -> None:
        if not self.decoder_maps or min(self.decoder_maps) < 1:
            raise SettingsError(f"decoder_maps is {self.decoder_maps}, expected one or more")
        if not 0 < self.hole_px <= SIDE_PX:
            raise SettingsError(f"hole_px is {self.hole_px}, expected 1 to {SIDE_PX}")


class FeatureEncoder(nn.Module):
    """Paints images of 227 x 227 pixels with missing parts; `features` are what it is trained for.

    Differs: weights begin as He et al. 2015 have it; the paper says no more than "random".
    """

    def __init__(self, config: FeatureEncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.pixel_range = config.pixel_range
        self.detail = 0.0  # published numbers are those of the network alone
        self.fixed_side_px = self.multiple = SIDE_PX
        self.hole_px = config.hole_px
        self.context_px = (SIDE_PX - config.hole_px) // 2
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 96, 11, stride=4),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75),
            nn.Conv2d(96, 256, 5, padding=2, groups=2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75),
            nn.Conv2d(256, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 384, 3, padding=1, groups=2),
            nn.ReLU(),
            nn.Conv2d(384, _CHANNELS, 3, padding=1, groups=2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
        )
        self.spread = ChannelwiseLinear(_CHANNELS, _PLACES)
        layers: list[nn.Module] = [nn.ReLU(), nn.Conv2d(_CHANNELS, _CHANNELS, 1), nn.ReLU()]
        channels = _CHANNELS
        for maps in config.decoder_maps:
            layers += [nn.ConvTranspose2d(channels, maps, 5, stride=2, padding=2), nn.ReLU()]
            channels = maps
        layers.append(nn.ConvTranspose2d(channels, 3, 5, stride=2, padding=2))
        self.decoder = nn.Sequential(*layers)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                assert module.bias is not None
                nn.init.zeros_(module.bias)
        # The first picture is the mean colour, not noise.
        nn.init.normal_(layers[-1].weight, 0.0, 1e-3)  # type: ignore[arg-type] # a layer just made

    def region(self, height: int, width: int) -> tuple[slice, slice]:
        """Return the rows and columns that are painted: all."""
        return slice(0, height), slice(0, width)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """``(C, H, W)`` of the images that it sees."""
        return (3, SIDE_PX, SIDE_PX)

    def activations(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return `features` alone: AlexNet's last pooling."""
        return (self.features(images),)

    def features(self, images: Tensor) -> Tensor:
        """Return AlexNet's last pooling ``(N, 256, 6, 6)`` of images ``(N, 3, 227, 227)``.

        Images are in [-1, 1]; the fill colour counts as zero.
        """
        require_images(images)
        if tuple(images.shape[-2:]) != (SIDE_PX, SIDE_PX):
            raise TensorContractError(
                f"images are {images.shape[-1]}x{images.shape[-2]}, expected {SIDE_PX}x{SIDE_PX}"
            )
        return self.encoder(images - self._zero(images))

    def _zero(self, images: Tensor) -> Tensor:
        return constants(images, self.config.fill_colour).view(1, 3, 1, 1)

    def forward(self, images: Tensor, masks: Tensor) -> list[Tensor]:
        """Return one prediction ``(N, 3, 227, 227)`` of the whole image.

        `images` are ``(N, 3, 227, 227)`` in [-1, 1], `masks` ``(N, 1, 227, 227)``, 1 where a pixel
        is missing. Raises `TensorContractError` for another size.
        """
        require_masks(masks, images)
        code = self.spread(self.features(coloured(images, masks, self.config.fill_colour)))
        painted = self.decoder(code).to(images.dtype)
        painted = functional.interpolate(painted, images.shape[-2:], mode="bilinear")
        return [painted + self._zero(images)]
