"""The units of a network's pictures, and conversions between them and [-1, 1]."""

from typing import Literal, assert_never

import torch
from torch import Tensor, nn

from predictor.tensors import IMAGE_RANGE, rescaled

Units = Literal["unit", "signed", "contrast", "standardized"]
"""``unit``: [0, 1]. ``signed``: [-1, 1]. ``contrast``: global contrast normalization, every picture
minus its mean and scaled to the norm `CONTRAST_LENGTH` (CIFAR-10 in Goodfellow et al. 2014).
``standardized``: every pixel minus its mean and divided by its deviation in the training data
(Denton et al. 2015)."""

CONTRAST_LENGTH = 55.0

_EPSILON = 1e-7
_LEAST_DEVIATION = 1 / 255
"""Half a step of 8 bits: a pixel that never varies must not show how its mean is rounded."""


class PixelUnits(nn.Module):
    """Converts pictures ``(N, C, H, W)`` between [-1, 1] and the units of a network.

    All conversions are linear and can be inverted, except for ``contrast``, which loses mean and
    scale: decoding scales such a picture so that its largest magnitude is 1.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, units: Units, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.units = units
        if units == "standardized":
            self.register_buffer("mean", torch.zeros(shape))
            self.register_buffer("deviation", torch.ones(shape))

    def prepare(self, mean: Tensor, deviation: Tensor) -> None:
        """Set the mean and deviation of every pixel of pictures in [-1, 1]."""
        if self.units == "standardized":
            self.mean.copy_(mean)
            self.deviation.copy_((deviation + _EPSILON).clamp_min(_LEAST_DEVIATION))

    def encoded(self, images: Tensor) -> Tensor:
        """Return pictures in [-1, 1] in these units."""
        match self.units:
            case "unit":
                return rescaled(images, IMAGE_RANGE, (0.0, 1.0))
            case "signed":
                return images
            case "contrast":
                centred = images - images.mean(dim=(1, 2, 3), keepdim=True)
                lengths = centred.flatten(1).norm(dim=1).clamp_min(_EPSILON)
                return CONTRAST_LENGTH * centred / lengths[:, None, None, None]
            case "standardized":
                return (images - self.mean) / self.deviation
            case _:
                assert_never(self.units)

    def decoded(self, values: Tensor) -> Tensor:
        """Return pictures in these units in [-1, 1], clipped to it."""
        match self.units:
            case "unit":
                images = rescaled(values, (0.0, 1.0), IMAGE_RANGE)
            case "signed":
                images = values
            case "contrast":
                largest = values.flatten(1).abs().amax(dim=1).clamp_min(_EPSILON)
                images = values / largest[:, None, None, None]
            case "standardized":
                images = values * self.deviation + self.mean
            case _:
                assert_never(self.units)
        return images.clamp(*IMAGE_RANGE)

    def output(self) -> nn.Module:
        """Return the activation that keeps a generator's output in these units."""
        match self.units:
            case "unit":
                return nn.Sigmoid()
            case "signed":
                return nn.Tanh()
            case "contrast" | "standardized":
                return nn.Identity()
            case _:
                assert_never(self.units)


class InUnits:
    """Mixin of networks with `units` that may depend on the training pictures."""

    units: PixelUnits

    def prepare(self, mean: Tensor, deviation: Tensor) -> None:
        """Set the mean and deviation ``(C, H, W)`` of training pictures in [-1, 1]."""
        self.units.prepare(mean, deviation)
