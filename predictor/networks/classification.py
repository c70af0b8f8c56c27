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
from predictor.networks.pixel_units import PixelUnits, Units
from predictor.networks.weight_normalization import begin_from_data
from predictor.tensors import IMAGE_RANGE

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


class ClassifyingConfig(Protocol):
    """What a discriminator that tells classes is made of."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(C, H, W)`` of a picture."""

    @property
    def classes(self) -> int:
        """Classes told apart; that of generated pictures is one more."""

    @property
    def units(self) -> Units:
        """What the pictures are in."""


class ClassifyingDiscriminator(nn.Module):
    """What the discriminators that tell classes have in common; their layers are their own.

    `last` makes logits of `features`.
    """

    multiple = 1
    pixel_range = IMAGE_RANGE
    last: nn.Module

    def __init__(self, config: ClassifyingConfig) -> None:
        super().__init__()
        self.config = config
        self.classes = config.classes
        channels, height, width = config.shape
        self.layout = f"(N, {channels}, {height}, {width}) to (N, {config.classes})"
        self.units = PixelUnits(config.units, config.shape)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """``(C, H, W)`` of the images that it classifies."""
        return self.config.shape

    def prepare(self, images: Tensor) -> None:
        """Set the first scales and biases by real `images` ``(N, C, H, W)`` in its units."""
        begin_from_data(self, lambda: self(images))

    def features(self, images: Tensor) -> Tensor:
        """Return features ``(N, F)`` of images ``(N, C, H, W)`` in the units of the config.

        Raises `TensorContractError` for images of another shape.
        """
        require_shape(images, self.config.shape)
        return self.seen(images)

    def seen(self, images: Tensor) -> Tensor:
        """Return the features of images of the right shape."""
        raise NotImplementedError

    def head(self, features: Tensor) -> Tensor:
        """Return logits ``(N, K)`` of the features of one batch."""
        return self.last(features)

    def apart(self, batches: Sequence[Tensor]) -> list[Classification]:
        """Return the classification of each of several batches, in one pass up to the features.

        From there on, where a layer may look at a whole batch, each goes by itself.
        """
        together = self.features(torch.cat(list(batches)))
        parts = torch.split(together, [len(batch) for batch in batches])
        return [Classification(self.head(part), part) for part in parts]

    def forward(self, images: Tensor) -> Classification:
        """Return logits and features of one batch; images and errors as in `features`."""
        features = self.features(images)
        return Classification(self.head(features), features)


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
