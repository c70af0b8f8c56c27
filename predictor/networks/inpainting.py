"""The default inpainting network: a smooth fill, corrected in two stages.

The coarse stage sees the image at a quarter of its size with its holes filled smoothly, and
corrects the fill with a U-Net that goes down to 1/32 of the image: it decides what goes where. Its
error on the known pixels is then extended smoothly into the holes at full size, which is all that a
thin scratch needs. The fine stage sees that error, the coarse prediction and its features, and
continues edges. Both stages work on grids of 4 and 8 pixels, where a convolution is cheap, and
change missing pixels only. With initial weights the network returns the smooth fill.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from predictor.errors import SettingsError
from predictor.networks.judgement import Judgement
from predictor.networks.unet import UNet, residual_stack, upsampled, zeroed
from predictor.smooth_fill import known_means, smooth_fill
from predictor.tensors import IMAGE_RANGE, require_images, require_masks

COARSE = 4  # the coarse stage sees images this much smaller
_SQUARE = 2  # and works on squares of this many of its pixels
_REST_GAIN = 4.0  # the error of the coarse stage has about a quarter of an image's deviation


@dataclass(frozen=True)
class InpaintingConfig:
    """Sizes of the default inpainting network."""

    widths: tuple[int, ...] = (40, 80, 128)
    """Channels of the coarse stage at 1/8, 1/16, 1/32."""

    blocks: tuple[int, ...] = (1, 2, 2)
    """Residual blocks each way at those sizes."""

    fine_width: int = 64
    """Channels of the fine stage, at 1/4; 0 leaves it out."""

    fine_blocks: int = 1

    hole_px: int = 96
    """Widest hole that it is trained for; images with wider ones are scaled down first."""

    context_px: int = 32
    """How far around a hole the image is shown to it: about as far as crops in training do."""

    detail: float = 0.5
    """Share of the image's own fine detail that is added to fills, which are averages of what is
    possible and therefore smooth; see `predictor.texture`."""

    pixel_range: ClassVar[tuple[float, float]] = IMAGE_RANGE

    def __post_init__(self) -> None:
        if len(self.widths) != len(self.blocks) or not self.widths:
            raise SettingsError(f"{len(self.widths)} widths for {len(self.blocks)} blocks")
        sizes = (*self.widths, self.hole_px, self.context_px)
        counts = (*self.blocks, self.fine_width, self.fine_blocks)
        if min(sizes) < 1 or min(counts) < 0 or not 0 <= self.detail <= 1:
            raise SettingsError(
                f"{self}: expected sizes of 1 or more, blocks and fine_width of 0 or more, "
                "detail from 0 to 1"
            )

    @property
    def multiple(self) -> int:
        """Height and width of images must be multiples of this."""
        return int(COARSE * _SQUARE * 2 ** (len(self.widths) - 1))


class InpaintingNetwork(nn.Module):
    """Fills the holes of images whose sides are multiples of `multiple`."""

    role: ClassVar[str] = "filler"

    fixed_side_px: int | None = None

    def __init__(self, config: InpaintingConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or InpaintingConfig()
        self.pixel_range = config.pixel_range
        self.hole_px = config.hole_px
        self.context_px = config.context_px
        self.detail = config.detail
        self.multiple = config.multiple
        first, width = config.widths[0], config.fine_width
        self.coarse = UNet(7 * _SQUARE**2, config.widths, config.blocks)
        self.coarse_head = zeroed(nn.Conv2d(first, 3 * _SQUARE**2, 3, padding=1))
        self.has_fine_stage = width > 0
        if not self.has_fine_stage:
            return
        self.fine_stem = nn.Conv2d(4 * COARSE**2 + 3, width, 3, padding=1)
        self.handed_down = nn.Conv2d(first, width, 1)
        self.fine = residual_stack(width, config.fine_blocks)
        self.fine_head = zeroed(nn.Conv2d(width, 3 * COARSE**2, 3, padding=1))

    def region(self, height: int, width: int) -> tuple[slice, slice]:
        """Return the rows and columns that are painted: all."""
        return slice(0, height), slice(0, width)

    def forward(self, images: Tensor, masks: Tensor) -> list[Tensor]:
        """Return `images` ``(N, 3, H, W)`` as filled by the coarse and by the fine stage.

        Known pixels are unchanged. `masks` are ``(N, 1, H, W)``, 1 where a pixel is missing; the
        value of a missing pixel does not matter. Raises `TensorContractError` for masks that do not
        fit.
        """
        require_images(images)
        require_masks(masks, images)
        images = images.float() * (1 - masks)
        height, width = images.shape[-2:]
        small, small_masks = known_means(images, masks, (height // COARSE, width // COARSE))
        filled = smooth_fill(small, small_masks)
        seen = torch.cat([small, filled, small_masks], dim=1)
        features = self.coarse(functional.pixel_unshuffle(seen, _SQUARE))
        correction = functional.pixel_shuffle(self.coarse_head(features).float(), _SQUARE)
        filled = filled + correction * small_masks
        coarse = upsampled(filled, COARSE)
        with torch.no_grad():
            # The error on the known pixels, extended smoothly into the holes.
            rest = smooth_fill((images - coarse) * (1 - masks), masks)
        base = coarse + rest
        if not self.has_fine_stage:
            return [images + base * masks]

        seen = torch.cat([rest * _REST_GAIN, masks], dim=1)
        squares = functional.pixel_unshuffle(seen, COARSE)
        planes = self.fine_stem(torch.cat([squares, filled], dim=1))
        planes = self.fine(planes + upsampled(self.handed_down(features), _SQUARE))
        correction = functional.pixel_shuffle(self.fine_head(planes).float(), COARSE)
        return [images + stage * masks for stage in (base, base + correction)]


@dataclass(frozen=True)
class InpaintingDiscriminatorConfig:
    """Widths of the patch discriminator."""

    maps: tuple[int, ...] = (32, 64, 128)
    """Channels of the convolutions, each of kernel 4 and stride 2."""

    pixel_range: ClassVar[tuple[float, float]] = IMAGE_RANGE

    def __post_init__(self) -> None:
        if not self.maps or min(self.maps) < 1:
            raise SettingsError(f"maps is {self.maps}, expected one or more, each 1 or more")


class InpaintingDiscriminator(nn.Module):
    """A logit for each of overlapping patches of a filled image, given the mask.

    Fully convolutional, without batch norm; a logit sees 38 × 38 pixels with the default layers.
    Isola et al. 2017, section 3.2.2.
    """

    role: ClassVar[str] = "judge of fills"

    def __init__(self, config: InpaintingDiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        self.pixel_range = config.pixel_range
        self.layers = nn.ModuleList()
        channels = 4
        for maps in config.maps:
            convolution = nn.Conv2d(channels, maps, 4, stride=2, padding=1)
            self.layers.append(nn.Sequential(convolution, nn.LeakyReLU(0.2)))
            channels = maps
        self.last = nn.Conv2d(channels, 1, 3, padding=1)

    def forward(self, candidates: Tensor, images: Tensor, masks: Tensor) -> Judgement:
        """Return the judgement on `candidates` ``(N, 3, H, W)``, logits ``(N, 1, h, w)``.

        `masks` are ``(N, 1, H, W)``; `images` are ignored.
        """
        require_masks(masks, candidates)
        planes = torch.cat([candidates, masks], dim=1)
        features = []
        for layer in self.layers:
            planes = layer(planes)
            features.append(planes)
        return Judgement(self.last(planes), tuple(features))
