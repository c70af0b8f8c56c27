"""A small classifier of pictures of one size; generators are measured by what it sees."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from predictor.errors import SettingsError
from predictor.networks.classification import Classification
from predictor.networks.pixel_units import PixelUnits
from predictor.tensors import IMAGE_RANGE, require_images


@dataclass(frozen=True)
class ClassifierConfig:
    """The layers; the defaults are for digits of 28 x 28."""

    shape: tuple[int, int, int] = (1, 28, 28)
    """``(C, H, W)`` of a picture."""

    classes: int = 10

    maps: tuple[int, ...] = (16, 32, 64, 128)
    """Channels of the convolutions, 3 x 3 each; all but the last halve the size."""

    dropout: float = 0.2
    """Share of the features that are left out before the last layer, in training."""

    def __post_init__(self) -> None:
        if not self.maps or min(*self.maps, *self.shape) < 1 or self.classes < 2:
            raise SettingsError(
                f"maps {self.maps}, shape {self.shape}, classes {self.classes}: expected a layer, "
                "at least 1 of each, two classes or more"
            )
        if min(self.shape[1:]) < 2 ** (len(self.maps) - 1):
            raise SettingsError(f"shape {self.shape} cannot be halved for each of maps {self.maps}")
        if not 0 <= self.dropout < 1:
            raise SettingsError(f"dropout is {self.dropout}, expected 0 or more, below 1")


class Classifier(nn.Module):
    """Convolutions, the mean of their maps as features, and a linear layer on those."""

    role: ClassVar[str] = "classifier"

    multiple = 1
    pixel_range = IMAGE_RANGE

    def __init__(self, config: ClassifierConfig) -> None:
        super().__init__()
        self.config = config
        self.classes = config.classes
        channels, height, width = config.shape
        self.layout = f"(N, {channels}, {height}, {width}) to (N, {config.classes})"
        self.units = PixelUnits("signed", config.shape)
        self.layers = nn.ModuleList()
        for number, maps in enumerate(config.maps, start=1):
            layer: list[nn.Module] = [
                nn.Conv2d(channels, maps, 3, padding=1, bias=False),
                nn.BatchNorm2d(maps),
                nn.ReLU(),
            ]
            if number < len(config.maps):
                layer.append(nn.MaxPool2d(2))
            self.layers.append(nn.Sequential(*layer))
            channels = maps
        self.dropout = nn.Dropout(config.dropout)
        self.last = nn.Linear(channels, config.classes)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """``(C, H, W)`` of the pictures that it takes."""
        return self.config.shape

    def activations(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return what every layer makes of `images` ``(N, C, H, W)`` in [-1, 1], first to last.

        Raises `TensorContractError` for another number of channels.
        """
        require_images(images, channels=self.config.shape[0])
        found = []
        for layer in self.layers:
            images = layer(images)
            found.append(images)
        return tuple(found)

    def features(self, images: Tensor) -> Tensor:
        """Return the features ``(N, maps[-1])`` of `images` as `activations` takes them."""
        return self.activations(images)[-1].mean((-2, -1))

    def head(self, features: Tensor) -> Tensor:
        """Return the logits ``(N, classes)`` of `features`."""
        return self.last(self.dropout(features))

    def forward(self, images: Tensor) -> Classification:
        """Return logits and features of `images` as `activations` takes them."""
        features = self.features(images)
        return Classification(self.head(features), features)
