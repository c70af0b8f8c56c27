"""What the discriminators of images return."""

from typing import NamedTuple

from torch import Tensor


class Judgement(NamedTuple):
    """The logits and the activations of a discriminator."""

    logits: Tensor
    """``(N, 1, h, w)``, high where the images look real."""

    features: tuple[Tensor, ...]
    """Activations ``(N, C, h, w)`` of its layers in order, for feature matching."""
