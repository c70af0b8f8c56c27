"""Patch discriminators of a frame, given the frames before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from predictor.errors import SettingsError, TensorContractError
from predictor.pyramid import average_pooled
from predictor.tensors import IMAGE_RANGE, frames_as_channels, require_clip


@dataclass(frozen=True)
class PatchDiscriminatorsConfig:
    """Scales and widths of the patch discriminators."""

    context: int = 4
    """Frames before the one that is judged."""

    factors: tuple[int, ...] = (2, 1)
    """Pooling factor of each scale, coarsest first, as in the generator."""

    maps: tuple[int, ...] = (32, 64, 128)
    """Channels of the convolutions, each of kernel 4 and stride 2, of every scale."""

    pixel_range: ClassVar[tuple[float, float]] = IMAGE_RANGE

    def __post_init__(self) -> None:
        if self.context < 1 or not self.factors or not self.maps:
            raise SettingsError(
                f"context {self.context}, factors {self.factors}, maps {self.maps}: "
                "expected at least one of each"
            )


class PatchDiscriminators(nn.Module):
    """A logit for each of overlapping patches of a frame, at every scale; scales share nothing.

    Fully convolutional, with LeakyReLU and without batch norm; with the default layers a logit sees
    38 × 38 pixels of its scale. Isola et al. 2017, section 3.2.2, conditional on the context as in
    Mathieu et al. 2016.
    """

    role: ClassVar[str] = "judge of frames"

    def __init__(self, config: PatchDiscriminatorsConfig) -> None:
        super().__init__()
        self.config = config
        self.context = config.context
        self.factors = config.factors
        self.pixel_range = config.pixel_range
        self.scales = nn.ModuleList(self._judge(config) for _ in config.factors)

    @staticmethod
    def _judge(config: PatchDiscriminatorsConfig) -> nn.Sequential:
        layers: list[nn.Module] = []
        channels = 3 * (config.context + 1)
        for maps in config.maps:
            layers += [nn.Conv2d(channels, maps, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
            channels = maps
        return nn.Sequential(*layers, nn.Conv2d(channels, 1, 3, padding=1))

    def forward(self, clip: Tensor, frames: Sequence[Tensor]) -> list[Tensor]:
        """Return logits ``(N, 1, h, w)``, one map a scale, high where the frame looks real.

        `clip` is ``(N, context, 3, H, W)``, H and W multiples of the largest factor; `frames` are
        the next frame at every factor, coarsest first. Raises `TensorContractError` otherwise.
        """
        require_clip(clip)
        if clip.shape[1] != self.context or len(frames) != len(self.factors):
            raise TensorContractError(
                f"clip has {clip.shape[1]} frames and frames {len(frames)} scales, "
                f"expected {self.context} and {len(self.factors)}"
            )
        context = frames_as_channels(clip)
        return [
            judge(torch.cat((average_pooled(context, factor), frame), dim=1))
            for factor, judge, frame in zip(self.factors, self.scales, frames, strict=True)
        ]
