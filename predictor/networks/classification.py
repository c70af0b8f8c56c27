"""The interface and the common parts of networks that classify pictures."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from predictor.networks.minibatch_discrimination import (
    MinibatchDiscrimination,
    NormalizedMinibatchDiscrimination,
)
from predictor.networks.pixel_units import PixelUnits, Units
from predictor.networks.weight_normalization import begin_from_data
from predictor.tensors import IMAGE_RANGE, require_shape

MinibatchLayer = Literal["none", "paper", "code"]
"""The layer before the last: none, or minibatch discrimination as in the paper or the code."""


class Classification(NamedTuple):
    """The logits and the features of a classifier."""

    logits: Tensor
    """``(N, K)``, of the classes of pictures; that of a class "generated" would be 0."""

    features: Tensor
    """``(N, F)``, the last hidden layer, for feature matching."""


@runtime_checkable
class ClassifierNetwork(Protocol):
    """A network that classifies images into K classes, in two steps.

    A protocol of what the command line needs; the module `Classifier` is one such network.
    """

    classes: int

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """``(C, H, W)`` of the images that it takes."""

    def features(self, images: Tensor) -> Tensor:
        """Return features ``(N, F)`` of images ``(N, C, H, W)`` in its units, each by itself."""

    def head(self, features: Tensor) -> Tensor:
        """Return logits ``(N, K)`` of the features ``(N, F)`` of one batch."""


class ClassifyingConfig(Protocol):
    """The options that configs of discriminators that classify have in common."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(C, H, W)`` of a picture."""

    @property
    def classes(self) -> int:
        """Number of real classes; generated pictures are one more."""

    @property
    def units(self) -> Units:
        """Units of the pictures."""


class ClassifyingDiscriminator(nn.Module):
    """Base of discriminators that classify; subclasses add `seen` and `last`.

    `last` maps features to logits.
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
        """Initialize scales and biases from real `images` ``(N, C, H, W)`` in its units."""
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
        """Return the classification of each of several batches.

        They share one forward pass up to the features. From there on each is a batch of its own,
        because minibatch discrimination compares the examples of a batch.
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
    """Return the layer of that `kind`, and the width of its output for inputs of `features`."""
    if kind == "none":
        return nn.Identity(), features
    made = MinibatchDiscrimination if kind == "paper" else NormalizedMinibatchDiscrimination
    return made(features, kernels, width), features + kernels
