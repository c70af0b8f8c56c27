"""Features of images: the activations of all layers of a network, pooled and joined.

Radford et al. 2015, section 5.1: the activations of every convolution of a discriminator,
max-pooled to a grid of 4 x 4, flattened and joined; 28,672 numbers of their network for ImageNet
and 7,168 of that for SVHN.
"""

import math
from collections.abc import Iterable
from typing import Protocol, cast, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from predictor.devices import moved
from predictor.errors import UnknownModel
from predictor.networks.normalization import measure_statistics
from predictor.tensors import IMAGE_RANGE, require_image_range, require_images, rescaled

GRID = 4
BATCH = 128
"""Images that are normalized together while statistics are measured; the released code's number."""


@runtime_checkable
class ImageEncoder(Protocol):
    """A network that gives access to the activations of its layers."""

    pixel_range: tuple[float, float]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """``(C, H, W)`` of the images that it takes."""

    def activations(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the activations of every layer for `images` ``(N, C, H, W)`` in `pixel_range`.

        Each is ``(N, C, h, w)``, after its nonlinearity.
        """


class FeatureExtractor:
    """Computes features by an encoder, whose statistics, device and mode it changes."""

    def __init__(self, encoder: ImageEncoder, device: torch.device | str | None = None) -> None:
        self.encoder = encoder
        self.device = moved(cast(nn.Module, encoder).eval(), device)

    @property
    def width(self) -> int:
        """Length of a feature vector."""
        return self.features(torch.zeros(1, *self.encoder.image_shape)).shape[1]

    def measure(self, batches: Iterable[Tensor]) -> None:
        """Set the running statistics of the encoder's batch normalization to those of `batches`.

        They are real images ``(N, C, H, W)`` in [-1, 1], `BATCH` of them each; see
        `measure_statistics`.
        """
        measure_statistics(cast(nn.Module, self.encoder), self._activations, batches)

    @torch.no_grad()
    def features(self, images: Tensor) -> Tensor:
        """Return the features ``(N, width)`` of `images` ``(N, C, H, W)`` in [-1, 1], float32.

        Layer by layer from the first, in each channel by channel. Raises `TensorContractError` for
        anything else.
        """
        return joined_features(self._activations(images)).float().cpu()

    @torch.no_grad()
    def means(self, images: Tensor) -> Tensor:
        """Return the mean of every channel of every layer ``(N, sum of C)``, float32."""
        found = [maps.float().mean((-2, -1)) for maps in self._activations(images)]
        return torch.cat(found, dim=1).cpu()

    def all_features(self, batches: Iterable[Tensor], count: int) -> NDArray[np.float32]:
        """Return the features ``(count, width)`` of `count` images that come in `batches`."""
        result = np.empty((count, self.width), np.float32)
        done = 0
        for batch in batches:
            result[done : done + len(batch)] = self.features(batch).numpy()
            done += len(batch)
        assert done == count
        return result

    def _activations(self, images: Tensor) -> tuple[Tensor, ...]:
        require_image_range(require_images(images, channels=None))
        images = images.to(self.device, torch.float32, non_blocking=True)
        return self.encoder.activations(rescaled(images, IMAGE_RANGE, self.encoder.pixel_range))


def joined_features(activations: Iterable[Tensor]) -> Tensor:
    """Return maps ``(N, C, h, w)`` max-pooled to 4 x 4, flattened and joined: ``(N, sum of 16 C)``.

    Windows overlap where a side is not a multiple of 4; where it is below 4, values repeat.
    """
    pooled = [functional.adaptive_max_pool2d(maps, GRID).flatten(1) for maps in activations]
    return torch.cat(pooled, dim=1)


def require_encoder(network: nn.Module, name: str) -> ImageEncoder:
    """Return `network` as an encoder; raises `UnknownModel` if it is none.

    `name` is the name that the user gave for it.
    """
    if isinstance(network, ImageEncoder):
        return network
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    has_convolutions = any(isinstance(module, kinds) for module in network.modules())
    found = "does not give those of its convolutions" if has_convolutions else "has no convolutions"
    raise UnknownModel(
        f"the model {name} has no features: {type(network).__name__} {found}, which are pooled; "
        "expected a discriminator of dcgan or infogan, a context encoder or a model of the system "
        "classifier"
    )


def layer_widths(encoder: ImageEncoder) -> tuple[int, ...]:
    """Return how many of the joined features come from each layer."""
    channels, height, width = encoder.image_shape
    like = next(cast(nn.Module, encoder).parameters())
    with torch.no_grad():
        found = encoder.activations(like.new_zeros(1, channels, height, width))
    return tuple(math.prod((maps.shape[1], GRID, GRID)) for maps in found)
