"""The convolutional pair for labelled 28×28 pictures, of the code of Radford et al. 2016.

``mnist/train_cond_dcgan.py``: the label is an input of every layer of both networks.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional

from predictor.errors import SettingsError
from predictor.latents import Distribution
from predictor.networks.initialization import initialize
from predictor.networks.label_input import with_labels
from predictor.networks.pixel_units import InUnits, PixelUnits, Units
from predictor.tensors import IMAGE_RANGE

_LEAK = 0.2


@dataclass(frozen=True)
class LabelledConvolutionsConfig:
    """Both networks; the defaults are those of the code."""

    shape: tuple[int, int, int] = (1, 28, 28)
    """``(C, H, W)`` of a picture; height and width are multiples of 4."""

    classes: int = 10

    latent: int = 100
    """Width of the latent vector."""

    distribution: Distribution = "uniform"
    """Of the latents."""

    dense: int = 1024
    """Units of the fully connected layer."""

    maps: tuple[int, int] = (128, 64)
    """Channels of the generator's convolutions, at a quarter and at half the size; the
    discriminator's are the same, in reverse."""

    kernel: int = 5
    """Kernel of all convolutions, odd."""

    units: Units = "unit"
    """Units of the pictures."""

    scale: float = 0.02
    """Deviation of the initial weights."""

    epsilon: float = 1e-8
    """Epsilon of batch normalization, which has no gain and no bias."""

    def __post_init__(self) -> None:
        _, height, width = self.shape
        if height % 4 or width % 4:
            raise SettingsError(
                f"shape is {self.shape}, expected height and width to be multiples of 4"
            )
        if self.kernel % 2 == 0 or min(self.classes, self.latent, self.dense, *self.maps) < 1:
            raise SettingsError(
                f"kernel {self.kernel} must be odd; classes, latent, dense and maps at least 1"
            )

    def quarter(self) -> tuple[int, int]:
        """Return the height and width of the smallest planes."""
        return self.shape[1] // 4, self.shape[2] // 4


class LabelledGenerator(InUnits, nn.Module):
    """Generates a picture from latent and label: two dense layers, two transposed convolutions."""

    role: ClassVar[str] = "generator"

    multiple = 4
    pixel_range = IMAGE_RANGE

    def __init__(self, config: LabelledConvolutionsConfig) -> None:
        super().__init__()
        self.config = config
        self.latent_width = config.latent
        self.distribution = config.distribution
        self.classes = config.classes
        channels, height, width = config.shape
        self.layout = f"(N, {config.latent}) to (N, {channels}, {height}, {width})"
        self.units = PixelUnits(config.units, config.shape)
        rows, columns = config.quarter()
        wide, narrow = config.maps
        flat = wide * rows * columns
        padding: dict[str, Any] = {"stride": 2, "padding": config.kernel // 2, "output_padding": 1}
        extra = config.classes
        self.first = nn.Linear(config.latent + extra, config.dense, bias=False)
        self.second = nn.Linear(config.dense + extra, flat, bias=False)
        self.third = nn.ConvTranspose2d(wide + extra, narrow, config.kernel, bias=False, **padding)
        self.fourth = nn.ConvTranspose2d(
            narrow + extra, channels, config.kernel, bias=False, **padding
        )
        kept: dict[str, Any] = {"affine": False, "eps": config.epsilon}
        self.first_norm = nn.BatchNorm1d(config.dense, **kept)
        self.second_norm = nn.BatchNorm1d(flat, **kept)
        self.third_norm = nn.BatchNorm2d(narrow, **kept)
        self.output = self.units.output()
        initialize(self.modules(), "normal", config.scale)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return pictures ``(N, C, H, W)``, in the units of the config, of latents ``(N, L)``.

        `labels` are int64 ``(N,)``. Raises `TensorContractError`.
        """
        features = with_labels(latents, labels, self.classes)
        features = functional.relu(self.first_norm(self.first(features)))
        features = with_labels(features, labels, self.classes)
        features = functional.relu(self.second_norm(self.second(features)))
        planes = features.reshape(-1, self.config.maps[0], *self.config.quarter())
        planes = with_labels(planes, labels, self.classes)
        planes = functional.relu(self.third_norm(self.third(planes)))
        return self.output(self.fourth(with_labels(planes, labels, self.classes)))


class LabelledDiscriminator(InUnits, nn.Module):
    """One logit for a picture and its label: two convolutions of stride 2, two dense layers."""

    role: ClassVar[str] = "judge of pictures"

    multiple = 4
    pixel_range = IMAGE_RANGE

    def __init__(self, config: LabelledConvolutionsConfig) -> None:
        super().__init__()
        self.config = config
        self.classes = config.classes
        channels, height, width = config.shape
        self.layout = f"(N, {channels}, {height}, {width}) to (N, 1)"
        self.units = PixelUnits(config.units, config.shape)
        rows, columns = config.quarter()
        wide, narrow = config.maps
        padding: dict[str, Any] = {"stride": 2, "padding": config.kernel // 2}
        extra = config.classes
        self.first = nn.Conv2d(channels + extra, narrow, config.kernel, bias=False, **padding)
        self.second = nn.Conv2d(narrow + extra, wide, config.kernel, bias=False, **padding)
        self.third = nn.Linear(wide * rows * columns + extra, config.dense, bias=False)
        self.fourth = nn.Linear(config.dense + extra, 1, bias=False)
        kept: dict[str, Any] = {"affine": False, "eps": config.epsilon}
        self.second_norm = nn.BatchNorm2d(wide, **kept)
        self.third_norm = nn.BatchNorm1d(config.dense, **kept)
        initialize(self.modules(), "normal", config.scale)

    def forward(self, pictures: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return logits ``(N, 1)``, high where a picture looks real and like its label.

        `pictures` are ``(N, C, H, W)`` in the units of the config; `labels` int64 ``(N,)``. Raises
        `TensorContractError`.
        """
        return self.fourth(with_labels(self.features(pictures, labels), labels, self.classes))

    def features(self, pictures: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the last hidden layer ``(N, F)``; arguments and errors as in `forward`."""
        planes = with_labels(pictures, labels, self.classes)
        planes = functional.leaky_relu(self.first(planes), _LEAK)
        planes = with_labels(planes, labels, self.classes)
        planes = functional.leaky_relu(self.second_norm(self.second(planes)), _LEAK)
        features = with_labels(planes.flatten(1), labels, self.classes)
        return functional.leaky_relu(self.third_norm(self.third(features)), _LEAK)
