"""The units that a network's pictures are in, and the way from and to [-1, 1]."""

from typing import Literal, assert_never

import torch
from torch import Tensor, nn

from predictor.tensors import IMAGE_RANGE, rescaled

Units = Literal["unit", "signed", "contrast", "standardized"]
"""``unit``: [0, 1]. ``signed``: [-1, 1]. ``contrast``: every picture less its mean and scaled to
the length `CONTRAST_LENGTH` (the CIFAR-10 of Goodfellow et al. 2014). ``standardized``: every pixel
less its mean and over its deviation in the training data (Denton et al. 2015)."""

CONTRAST_LENGTH = 55.0

_EPSILON = 1e-7


class PixelUnits(nn.Module):
    """Changes pictures ``(N, C, H, W)`` between [-1, 1] and the units of a network.

    Ranges are mapped linearly and back without loss. What ``contrast`` takes away cannot be given
    back: such a picture is shown with its largest value at the end of the range.
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
        """Take in the mean and deviation of every pixel of pictures in [-1, 1]."""
        if self.units == "standardized":
            self.mean.copy_(mean)
            self.deviation.copy_(deviation + _EPSILON)

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
    """A network whose pictures are in units that the training pictures may decide."""

    units: PixelUnits

    def prepare(self, mean: Tensor, deviation: Tensor) -> None:
        """Take in the mean and deviation ``(C, H, W)`` of the training pictures, in [-1, 1]."""
        self.units.prepare(mean, deviation)
