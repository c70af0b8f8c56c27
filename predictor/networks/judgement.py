"""What the discriminators of images return."""

from typing import NamedTuple

from torch import Tensor


class Judgement(NamedTuple):
    """A discriminator's answer, and what it saw on the way."""

    logits: Tensor
    """``(N, 1, h, w)``, high where the images look real."""

    features: tuple[Tensor, ...]
    """``(N, C, h, w)``, the activations of its layers from the first, for feature matching."""
