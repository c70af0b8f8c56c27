"""The multi-scale frame predictor of Mathieu et al. 2016 and its conditional discriminators.

Each scale sees the context frames at its resolution and a guess from the coarser scale, and adds
its correction to that guess. Defaults are the paper's widths; the narrower networks of the official
training script are another config. No initialization is published: the script uses the default of
Torch, uniform within ± 1 / sqrt(fan in) for weights and biases, which is PyTorch's default too.

The paper's widths are taken from the constants of dyelax/Adversarial_Video_Generation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from predictor.errors import SettingsError, TensorContractError
from predictor.pyramid import average_pooled, nearest_upsampled
from predictor.tensors import IMAGE_RANGE, frames_as_channels, require_clip, require_images

_COLORS = 3


@dataclass(frozen=True)
class MultiscaleConfig:
    """Widths and kernels of the generator, the coarsest scale first."""

    context: int = 4
    """Input frames."""

    maps: tuple[tuple[int, ...], ...] = (
        (128, 256, 128),
        (128, 256, 128),
        (128, 256, 512, 256, 128),
        (128, 256, 512, 256, 128),
    )
    """Channels of the hidden layers of each scale."""

    kernels: tuple[tuple[int, ...], ...] = (
        (3, 3, 3, 3),
        (5, 3, 3, 5),
        (5, 3, 3, 3, 3, 5),
        (7, 5, 5, 5, 5, 7),
    )
    """Kernel sizes in pixels, one more a scale than `maps`; odd, to keep the size."""

    pixel_range: ClassVar[tuple[float, float]] = IMAGE_RANGE
    """The outputs pass a tanh."""

    def __post_init__(self) -> None:
        _require_scales(self.context, self.maps, self.kernels)
        for maps, kernels in zip(self.maps, self.kernels, strict=True):
            if len(kernels) != len(maps) + 1:
                raise SettingsError(
                    f"a scale has maps {maps} and kernels {kernels}, expected one kernel more"
                )
            if any(kernel % 2 == 0 for kernel in kernels):
                raise SettingsError(f"kernels are {kernels}, expected odd ones")

    @property
    def factors(self) -> tuple[int, ...]:
        """Pooling factor of each scale, (8, 4, 2, 1) for four."""
        return _factors(len(self.maps))


class MultiscaleGenerator(nn.Module):
    """Predicts the next frame at every scale.

    Fully convolutional: height and width are any multiples of `multiple`.
    """

    role: ClassVar[str] = "predictor of frames"

    def __init__(self, config: MultiscaleConfig) -> None:
        super().__init__()
        self.config = config
        self.context = config.context
        self.factors = config.factors
        self.multiple = max(config.factors)
        self.pixel_range = config.pixel_range
        self.scales = nn.ModuleList()
        channels = _COLORS * config.context
        for maps, kernels in zip(config.maps, config.kernels, strict=True):
            self.scales.append(_convolutions(channels, (*maps, _COLORS), kernels))
            channels = _COLORS * (config.context + 1)

    def forward(self, clip: Tensor) -> list[Tensor]:
        """Return predictions ``(N, 3, H / f, W / f)`` in (-1, 1), one a factor f, coarsest first.

        `clip` is ``(N, context, 3, H, W)``, oldest frame first. The coarser prediction is added
        inside the tanh, as in the official code. Raises `TensorContractError` for another number of
        frames, or a size that is not a multiple of `multiple`.
        """
        _require_context(clip, self.context)
        frames = frames_as_channels(clip)
        predictions: list[Tensor] = []
        for factor, layers in zip(self.factors, self.scales, strict=True):
            inputs = average_pooled(frames, factor)
            if not predictions:
                correction = layers(inputs).to(clip.dtype)
                predictions.append(correction.tanh())
                continue
            guess = nearest_upsampled(predictions[-1])
            # Under autocast the correction is half precision; the sum must not be.
            correction = layers(torch.cat((inputs, guess), dim=1)).to(clip.dtype)
            predictions.append((correction + guess).tanh())
        return predictions


@dataclass(frozen=True)
class MultiscaleDiscriminatorsConfig:
    """Widths and kernels of the discriminators, the coarsest scale first."""

    context: int = 4
    """Frames before the one that is judged."""

    patch_size: tuple[int, int] = (32, 32)
    """Height and width of the finest frames in pixels; the linear layers fix it."""

    maps: tuple[tuple[int, ...], ...] = (
        (64,),
        (64, 128, 128),
        (128, 256, 256),
        (128, 256, 512, 128),
    )
    """Channels of the convolutions of each scale."""

    kernels: tuple[tuple[int, ...], ...] = ((3,), (3, 3, 3), (5, 5, 5), (7, 7, 5, 5))
    """Kernel sizes in pixels; nothing is padded."""

    pooling: tuple[int, ...] = (1, 1, 1, 2)
    """Side in pixels of the max-pooling after the convolutions of each scale; 1 is none."""

    hidden: tuple[tuple[int, ...], ...] = ((512, 256), (1024, 512), (1024, 512), (1024, 512))
    """Units of the linear layers before the logit of each scale."""

    pixel_range: ClassVar[tuple[float, float]] = IMAGE_RANGE
    """That of the generator."""

    def __post_init__(self) -> None:
        _require_scales(self.context, self.maps, self.kernels)
        if len(self.pooling) != len(self.maps) or len(self.hidden) != len(self.maps):
            raise SettingsError(
                f"pooling and hidden have {len(self.pooling)} and {len(self.hidden)} scales, "
                f"expected {len(self.maps)} as maps"
            )
        for scale, factor in enumerate(self.factors):
            if len(self.kernels[scale]) != len(self.maps[scale]):
                raise SettingsError(
                    f"a scale has maps {self.maps[scale]} and kernels {self.kernels[scale]}, "
                    "expected as many kernels"
                )
            if any(side % factor for side in self.patch_size) or min(self.features(scale)) < 1:
                raise SettingsError(
                    f"patch_size is {self.patch_size}, which leaves nothing to judge at 1/{factor} "
                    f"of it after kernels {self.kernels[scale]}"
                )

    @property
    def factors(self) -> tuple[int, ...]:
        """Pooling factor of each scale, (8, 4, 2, 1) for four."""
        return _factors(len(self.maps))

    def features(self, scale: int) -> tuple[int, int, int]:
        """Return channels, height and width of what the linear layers of a scale see."""
        shrink = sum(kernel - 1 for kernel in self.kernels[scale])
        height, width = (
            (side // self.factors[scale] - shrink) // self.pooling[scale]
            for side in self.patch_size
        )
        return self.maps[scale][-1], height, width


class MultiscaleDiscriminators(nn.Module):
    """One logit for a frame at every scale, given the frames before it; scales share nothing."""

    role: ClassVar[str] = "judge of frames"

    def __init__(self, config: MultiscaleDiscriminatorsConfig) -> None:
        super().__init__()
        self.config = config
        self.context = config.context
        self.factors = config.factors
        self.pixel_range = config.pixel_range
        self.scales = nn.ModuleList(
            self._judge(config, scale) for scale in range(len(config.factors))
        )

    @staticmethod
    def _judge(config: MultiscaleDiscriminatorsConfig, scale: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        channels = _COLORS * (config.context + 1)
        for maps, kernel in zip(config.maps[scale], config.kernels[scale], strict=True):
            layers += [nn.Conv2d(channels, maps, kernel), nn.ReLU()]
            channels = maps
        if config.pooling[scale] > 1:
            layers.append(nn.MaxPool2d(config.pooling[scale]))
        layers.append(nn.Flatten())
        features = torch.Size(config.features(scale)).numel()
        for units in config.hidden[scale]:
            layers += [nn.Linear(features, units), nn.ReLU()]
            features = units
        return nn.Sequential(*layers, nn.Linear(features, 1))

    def forward(self, clip: Tensor, frames: Sequence[Tensor]) -> list[Tensor]:
        """Return logits ``(N, 1)``, one a scale, high where the frame looks real.

        `clip` is ``(N, context, 3, H, W)`` of the config's `patch_size`; `frames` are the next
        frame at every factor, ``(N, 3, H / f, W / f)``, coarsest first. Raises
        `TensorContractError` for other sizes or another number of frames.
        """
        _require_context(clip, self.context)
        if tuple(clip.shape[-2:]) != tuple(self.config.patch_size):
            raise TensorContractError(
                f"clip is {clip.shape[-1]}x{clip.shape[-2]}, the discriminators take "
                f"{self.config.patch_size[1]}x{self.config.patch_size[0]}"
            )
        if len(frames) != len(self.factors):
            raise TensorContractError(
                f"frames has {len(frames)} scales, expected {len(self.factors)}"
            )
        context = frames_as_channels(clip)
        logits = []
        for factor, judge, frame in zip(self.factors, self.scales, frames, strict=True):
            condition = average_pooled(context, factor)
            if frame.shape[-2:] != condition.shape[-2:]:
                raise TensorContractError(
                    f"the frame at 1/{factor} is {frame.shape[-1]}x{frame.shape[-2]}, expected "
                    f"{condition.shape[-1]}x{condition.shape[-2]}"
                )
            require_images(frame, "frame")
            logits.append(judge(torch.cat((condition, frame), dim=1)))
        return logits


def _convolutions(channels: int, maps: Sequence[int], kernels: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for outputs, kernel in zip(maps, kernels, strict=True):
        layers += [nn.Conv2d(channels, outputs, kernel, padding=kernel // 2), nn.ReLU()]
        channels = outputs
    return nn.Sequential(*layers[:-1])


def _factors(scales: int) -> tuple[int, ...]:
    return tuple(2**scale for scale in reversed(range(scales)))


def _require_scales(
    context: int, maps: tuple[tuple[int, ...], ...], kernels: tuple[tuple[int, ...], ...]
) -> None:
    if context < 1:
        raise SettingsError(f"context is {context}, expected at least 1 frame")
    if not maps or len(maps) != len(kernels):
        raise SettingsError(
            f"maps has {len(maps)} scales and kernels {len(kernels)}, expected as many, at least 1"
        )


def _require_context(clip: Tensor, context: int) -> None:
    require_clip(clip)
    if clip.shape[1] != context:
        raise TensorContractError(f"clip has {clip.shape[1]} frames, expected {context}")
