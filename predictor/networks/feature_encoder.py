"""The feature-learning network of Pathak et al. 2016: AlexNet's encoder and a light decoder.

Between the two is a channel-wise fully connected layer: each of the 256 feature maps of 6 x 6 has
one of its own. That has 331,776 weights, where one layer for all maps would have 84,934,656.

The authors did not release a definition of the network. The encoder is AlexNet up to its last
pooling; the widths and kernels of the decoder could not be checked against figure 9b.
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
    """A fully connected layer for each map ``(side, side)``, from all its positions to all.

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
    """Options of the network, whose encoder is that of AlexNet."""

    decoder_maps: tuple[int, ...] = (128, 64, 64, 32)
    """Channels of the decoder's hidden layers, each of which nearly doubles the side."""

    fill_colour: Colour = MEAN_COLOUR
    """RGB in [-1, 1] that holes are filled with."""

    hole_px: int = 113
    """Side of the widest hole."""

    side_px: ClassVar[int] = SIDE_PX
    painted_px: ClassVar[int] = SIDE_PX
    pixel_range: ClassVar[tuple[float, float]] = IMAGE_RANGE

    def __post_init__(self) -> None:
        if not self.decoder_maps or min(self.decoder_maps) < 1:
            raise SettingsError(f"decoder_maps is {self.decoder_maps}, expected one or more")
        if not 0 < self.hole_px <= SIDE_PX:
            raise SettingsError(f"hole_px is {self.hole_px}, expected 1 to {SIDE_PX}")


class FeatureEncoder(nn.Module):
    """Fills holes in images of 227 x 227 pixels, to learn `features`.

    Differs: weights are initialized as by He et al. 2015; the paper only says "random".
    """

    role: ClassVar[str] = "filler"

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
        last = nn.ConvTranspose2d(channels, 3, 5, stride=2, padding=2)
        self.decoder = nn.Sequential(*layers, last)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                assert module.bias is not None
                nn.init.zeros_(module.bias)
        # Near 0, so that before training it paints the mean colour.
        nn.init.normal_(last.weight, 0.0, 1e-3)

    def region(self, height: int, width: int) -> tuple[slice, slice]:
        """Return the rows and columns that are painted, which are all."""
        return slice(0, height), slice(0, width)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """``(C, H, W)`` of the images that it sees."""
        return (3, SIDE_PX, SIDE_PX)

    def activations(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the `features` as the only activations."""
        return (self.features(images),)

    def features(self, images: Tensor) -> Tensor:
        """Return AlexNet's last pooling ``(N, 256, 6, 6)`` of images ``(N, 3, 227, 227)``.

        Images are in [-1, 1]; the fill colour is subtracted from them.
        """
        require_images(images)
        if tuple(images.shape[-2:]) != (SIDE_PX, SIDE_PX):
            raise TensorContractError(
                f"images are {images.shape[-1]}x{images.shape[-2]}, expected {SIDE_PX}x{SIDE_PX}"
            )
        return self.encoder(images - self._fill(images))

    def _fill(self, images: Tensor) -> Tensor:
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
        return [painted + self._fill(images)]
