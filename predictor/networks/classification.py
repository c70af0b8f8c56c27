"""What the discriminators that tell classes return."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class Classification(NamedTuple):
    """A classifier's answer, and what it saw on the way."""

    logits: Tensor
    """``(N, K)``; the logit of "generated", a class more, is 0 and not among them."""

    features: Tensor
    """``(N, F)``, of its last hidden layer, for feature matching."""


class Classifier(Protocol):
    """A network that tells which of K classes an image is of."""

    def __call__(self, images: Tensor) -> Classification:
        """Return the classification of images ``(N, C, H, W)`` in the network's units."""


def classified_apart(network: Classifier, batches: Sequence[Tensor]) -> list[Classification]:
    """Return the classification of each of several batches, in one pass of a network.

    The network looks at every image by itself, so the batches cannot see each other.
    """
    found = network(torch.cat(list(batches)))
    counts = [len(batch) for batch in batches]
    return [
        Classification(*parts)
        for parts in zip(*(torch.split(tensor, counts) for tensor in found), strict=True)
    ]
