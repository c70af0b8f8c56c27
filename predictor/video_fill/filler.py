"""What fills holes in single images, as photographs and videos need it."""

from typing import Protocol

from torch import Tensor

from predictor.holes import Box, Hole


class Filler(Protocol):
    """Fills holes in images: `predictor.inpainter.Inpainter` or `ClassicalInpainter`."""

    def fill(self, images: Tensor, masks: Tensor) -> Tensor:
        """Return `images` ``(N, 3, H, W)`` in [-1, 1], filled where `masks` are 1.

        `masks` are ``(N, 1, H, W)``.
        """

    def seen(self, hole: Hole, size: tuple[int, int]) -> Box:
        """Return the part of an image of `size` ``(height, width)`` that filling `hole` needs."""
