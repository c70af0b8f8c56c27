"""What the discriminators that tell classes return, and their last layers."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from predictor.errors import TensorContractError
from predictor.networks.minibatch_discrimination import (
    MinibatchDiscrimination,
    NormalizedMinibatchDiscrimination,
)

MinibatchLayer = Literal["none", "paper", "code"]
"""What stands before the last layer: nothing, or minibatch discrimination of either kind."""


class Classification(NamedTuple):
    """A classifier's answer, and what it saw on the way."""

    logits: Tensor
    """``(N, K)``; the logit of "generated", a class more, is 0 and not among them."""

    features: Tensor
    """``(N, F)``, of its last hidden layer, for feature matching."""


@runtime_checkable
class Classifier(Protocol):
    """A network that tells which of K classes an image is of, in two steps."""

    classes: int

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """``(C, H, W)`` of the images that it takes."""

    def features(self, images: Tensor) -> Tensor:
        """Return what it sees in images ``(N, C, H, W)`` in its units, each by itself."""

    def head(self, features: Tensor) -> Tensor:
        """Return logits ``(N, K)`` of features ``(N, F)`` of one batch."""


def classified_apart(network: Classifier, batches: Sequence[Tensor]) -> list[Classification]:
    """Return the classification of each of several batches, in one pass up to the features.

    From there on, where a layer may look at a whole batch, each goes by itself.
    """
    together = network.features(torch.cat(list(batches)))
    parts = torch.split(together, [len(batch) for batch in batches])
    return [Classification(network.head(part), part) for part in parts]


def minibatch_layer(
    kind: MinibatchLayer, features: int, kernels: int, width: int
) -> tuple[nn.Module, int]:
    """Return the layer of that `kind`, and how many numbers it makes of so many `features`."""
    if kind == "none":
        return nn.Identity(), features
    made = MinibatchDiscrimination if kind == "paper" else NormalizedMinibatchDiscrimination
    return made(features, kernels, width), features + kernels


def require_shape(images: Tensor, shape: tuple[int, int, int]) -> None:
    """Raise `TensorContractError` unless `images` are ``(N, *shape)``."""
    if tuple(images.shape[1:]) != shape:
        raise TensorContractError(f"images are {tuple(images.shape)}, expected (N, *{shape})")
