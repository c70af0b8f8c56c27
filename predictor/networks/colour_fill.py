"""Holes of one colour, as Pathak et al. 2016 show them to their encoders."""

from torch import Tensor

from predictor.tensors import constants

Colour = tuple[float, float, float]

MEAN_COLOUR: Colour = (123 / 127.5 - 1, 117 / 127.5 - 1, 104 / 127.5 - 1)
"""The mean of ImageNet in [-1, 1], RGB."""


def coloured(images: Tensor, masks: Tensor, colour: Colour) -> Tensor:
    """Return `images` ``(N, 3, H, W)`` with `colour` where `masks` ``(N, 1, H, W)`` are 1."""
    return images * (1 - masks) + constants(images, colour).view(1, 3, 1, 1) * masks
