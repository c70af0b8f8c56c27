"""The inpainting networks of Pathak et al. 2016 as their released code has them.

An encoder of strided convolutions ends in a bottleneck of one position; from it a decoder of
transposed convolutions paints the middle of the image or all of it. The number of stages sets the
size of images, 128 or 64 pixels. Options are compared with those of the code: ``nBottleneck``,
``noiseGen``, ``conditionAdv``.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from predictor.errors import SettingsError, TensorContractError
from predictor.networks.colour_fill import MEAN_COLOUR, Colour, coloured
from predictor.networks.judgement import Judgement
from predictor.tensors import IMAGE_RANGE, require_images, require_masks

_COLOURS = 3
_SMALLEST = 4  # pixels a side before the encoder's last convolution and after the decoder's first


@dataclass(frozen=True)
class ContextEncoderConfig:
    """Widths of the encoder and the decoder; defaults are the net for centre holes, 128 → 64."""

    encoder_maps: tuple[int, ...] = (64, 64, 128, 256, 512)
    """Channels of the encoder's convolutions, each of which halves the image."""

    bottleneck: int = 4000
    """Units between encoder and decoder; 100 is the code's default, 4000 its README's."""

    decoder_maps: tuple[int, ...] = (512, 256, 128, 64)
    """Channels of the decoder's hidden layers: the first is 4 x 4, each doubles the side."""

    noise: int = 0
    """Normal random numbers that are concatenated to the bottleneck (``noiseGen``: 100)."""

    fill_colour: Colour = MEAN_COLOUR
    """RGB in [-1, 1] that holes are filled with before encoding. Weights that the authors released
    were trained with (117, 104, 123) of 255."""

    hole_px: int = 50
    """Side of the hole: 64 minus 7 on each side, by which the prediction overlaps the context (4 in
    the code)."""

    has_zero_biases: bool = False
    """Keep the biases of all convolutions at 0 (the code resets them before every step)."""

    pixel_range: ClassVar[tuple[float, float]] = IMAGE_RANGE
    """The output passes a tanh."""

    def __post_init__(self) -> None:
        if not self.encoder_maps or not self.decoder_maps:
            raise SettingsError(
                f"encoder_maps {self.encoder_maps}, decoder_maps {self.decoder_maps}: "
                "expected at least one of each"
            )
        if min(*self.encoder_maps, *self.decoder_maps, self.bottleneck) < 1 or self.noise < 0:
            raise SettingsError(
                f"encoder_maps {self.encoder_maps}, bottleneck {self.bottleneck}, decoder_maps "
                f"{self.decoder_maps}, noise {self.noise}: expected 1 or more, noise 0 or more"
            )
        if self.painted_px not in (self.side_px, self.side_px // 2):
            raise SettingsError(
                f"{len(self.decoder_maps)} decoder_maps paint {self.painted_px} pixels, expected "
                f"all or half of the {self.side_px} that {len(self.encoder_maps)} encoder_maps see"
            )
        if not 0 < self.hole_px <= self.painted_px:
            raise SettingsError(f"hole_px is {self.hole_px}, expected 1 to {self.painted_px}")

    @property
    def side_px(self) -> int:
        """Height and width of the images."""
        return int(_SMALLEST * 2 ** len(self.encoder_maps))

    @property
    def painted_px(self) -> int:
        """Height and width of what is painted, in the middle."""
        return int(_SMALLEST * 2 ** len(self.decoder_maps))


class ContextEncoder(nn.Module):
    """Paints the middle of an image, or all of it, from the known pixels.

    Weights are initialized by N(0, 0.02), gains of batch normalization by N(1, 0.02), biases by 0.
    """

    role: ClassVar[str] = "filler"

    def __init__(self, config: ContextEncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.pixel_range = config.pixel_range
        self.detail = 0.0  # published numbers are those of the network alone
        self.fixed_side_px = self.multiple = config.side_px
        self.hole_px = config.hole_px
        self.context_px = (config.side_px - config.hole_px) // 2

        layers: list[nn.Module] = []
        channels = _COLOURS
        for maps in config.encoder_maps:
            layers += _halving(channels, maps, is_first=not layers)
            channels = maps
        self.encoder = nn.Sequential(*layers, nn.Conv2d(channels, config.bottleneck, _SMALLEST))
        self.noise = nn.Conv2d(config.noise, config.noise, 1) if config.noise else None

        units = config.bottleneck + config.noise
        self.bottleneck = nn.Sequential(nn.BatchNorm2d(units), nn.LeakyReLU(0.2))
        first, *others = config.decoder_maps
        layers = [nn.ConvTranspose2d(units, first, _SMALLEST), nn.BatchNorm2d(first), nn.ReLU()]
        channels = first
        for maps in others:
            layers += [_doubling(channels, maps), nn.BatchNorm2d(maps), nn.ReLU()]
            channels = maps
        self.decoder = nn.Sequential(*layers, _doubling(channels, _COLOURS), nn.Tanh())
        _initialised(self, config.has_zero_biases)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """``(C, H, W)`` of the images that it sees."""
        return (_COLOURS, self.fixed_side_px, self.fixed_side_px)

    def activations(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the activations of the encoder's convolutions on images ``(N, 3, side, side)``.

        Images are in [-1, 1]; each result is ``(N, C, h, w)``, after the nonlinearity. Raises
        `TensorContractError` for another size.
        """
        _require_square(images, self.fixed_side_px)
        found = []
        for layer in self.encoder:
            images = layer(images)
            if isinstance(layer, nn.LeakyReLU):
                found.append(images)
        return tuple(found)

    def region(self, height: int, width: int) -> tuple[slice, slice]:
        """Return the rows and columns of an image of this size that are painted."""
        painted = self.config.painted_px
        top, left = (height - painted) // 2, (width - painted) // 2
        return slice(top, top + painted), slice(left, left + painted)

    def forward(self, images: Tensor, masks: Tensor) -> list[Tensor]:
        """Return one prediction ``(N, 3, side, side)``; what is not painted is as in `images`.

        `images` are ``(N, 3, side, side)`` in [-1, 1], `masks` ``(N, 1, side, side)``, 1 where a
        pixel is missing. Noise, if any, is drawn anew in training and is 0 in evaluation. Raises
        `TensorContractError` for another size.
        """
        _require_square(images, self.fixed_side_px)
        require_masks(masks, images)
        seen = coloured(images, masks, self.config.fill_colour)
        code = self.encoder(seen)
        if self.noise is not None:
            shape = (len(images), self.config.noise, 1, 1)
            noise = (
                torch.randn(shape, device=code.device) if self.training else code.new_zeros(shape)
            )
            code = torch.cat([code, self.noise(noise)], dim=1)
        painted = self.decoder(self.bottleneck(code)).to(images.dtype)
        rows, columns = self.region(*images.shape[-2:])
        whole = seen.clone()
        whole[..., rows, columns] = painted
        return [whole]


@dataclass(frozen=True)
class ContextDiscriminatorConfig:
    """Widths of the discriminator; the defaults are for the 64 x 64 pixels of a centre hole."""

    maps: tuple[int, ...] = (64, 128, 256, 512)
    """Channels of the convolutions, each of which halves what is judged."""

    is_conditional: bool = False
    """Whether it also sees the context, of twice the side (``conditionAdv``)."""

    has_zero_biases: bool = False
    """Keep the biases of all convolutions at 0 (the code resets them before every step)."""

    fill_colour: Colour = MEAN_COLOUR
    """RGB in [-1, 1] of the holes in the context."""

    pixel_range: ClassVar[tuple[float, float]] = IMAGE_RANGE

    def __post_init__(self) -> None:
        if not self.maps or min(self.maps) < 1:
            raise SettingsError(f"maps is {self.maps}, expected one or more, each 1 or more")

    @property
    def side_px(self) -> int:
        """Height and width of what is judged."""
        return int(_SMALLEST * 2 ** len(self.maps))


class ContextDiscriminator(nn.Module):
    """One logit for the painted pixels of an image."""

    role: ClassVar[str] = "judge of fills"

    def __init__(self, config: ContextDiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        self.pixel_range = config.pixel_range
        first = config.maps[0]
        self.context = self.candidate = None
        if config.is_conditional:
            # Padding frames the candidate by zeros, to give its maps the size of the context's.
            self.context = nn.Conv2d(_COLOURS, first, 5, stride=2, padding=2)
            frame = 2 + config.side_px // 2
            self.candidate = nn.Conv2d(_COLOURS, first, 5, stride=2, padding=frame)
        self.layers = nn.ModuleList()
        channels = 2 * first if config.is_conditional else _COLOURS
        for maps in config.maps:
            is_first = not self.layers and not config.is_conditional
            self.layers.append(nn.Sequential(*_halving(channels, maps, is_first)))
            channels = maps
        self.last = nn.Conv2d(channels, 1, _SMALLEST)
        _initialised(self, config.has_zero_biases)

    def forward(self, candidates: Tensor, images: Tensor, masks: Tensor) -> Judgement:
        """Return the judgement on `candidates` ``(N, 3, side, side)``, logits ``(N, 1, 1, 1)``.

        A conditional discriminator also sees what `masks` leave of `images`, both of twice the
        side. Raises `TensorContractError` for another size.
        """
        _require_square(candidates, self.config.side_px)
        planes = candidates
        if self.context is not None and self.candidate is not None:
            _require_square(images, 2 * self.config.side_px)
            context = coloured(images, masks, self.config.fill_colour)
            both = torch.cat([self.context(context), self.candidate(candidates)], dim=1)
            planes = nn.functional.leaky_relu(both, 0.2)
        features = []
        for layer in self.layers:
            planes = layer(planes)
            features.append(planes)
        return Judgement(self.last(planes), tuple(features))


def _halving(channels: int, maps: int, is_first: bool) -> list[nn.Module]:
    convolution = nn.Conv2d(channels, maps, 4, stride=2, padding=1)
    if is_first:
        return [convolution, nn.LeakyReLU(0.2)]
    return [convolution, nn.BatchNorm2d(maps), nn.LeakyReLU(0.2)]


def _doubling(channels: int, maps: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(channels, maps, 4, stride=2, padding=1)


def _initialised(network: nn.Module, has_zero_biases: bool) -> None:
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
            assert module.bias is not None
            nn.init.zeros_(module.bias)
            module.bias.requires_grad_(not has_zero_biases)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)


def _require_square(images: Tensor, side: int) -> None:
    require_images(images)
    if tuple(images.shape[-2:]) != (side, side):
        raise TensorContractError(
            f"images are {images.shape[-1]}x{images.shape[-2]}, expected {side}x{side}"
        )
