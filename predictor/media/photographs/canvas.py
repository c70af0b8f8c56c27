"""A picture of a photograph that can be looked at and painted on, as it is displayed."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from predictor.holes import Box
from predictor.media.photographs.colour_models import (
    BlackAndWhite,
    ColourModel,
    Floats,
    Grey,
    Palette,
    Stored,
)
from predictor.media.photographs.orientation import UPRIGHT, displayed, displayed_size, stored_box

Mask = npt.NDArray[np.bool_]


class Canvas(Protocol):
    """One picture of a file. Sizes, boxes and masks are those of the picture as displayed."""

    @property
    def size(self) -> tuple[int, int]:
        """``(height, width)``."""

    def pixels(self, box: Box | None = None) -> Tensor:
        """Return the picture, or `box` of it, as ``(3, H, W)`` float32 RGB in [-1, 1]."""

    def paint(self, box: Box, image: Tensor, weight: Tensor) -> None:
        """Put `image` ``(3, h, w)`` in [-1, 1] into `box`, mixed with what is there by `weight`.

        `weight` is ``(1, h, w)`` in [0, 1]. Where it is 0, the stored samples stay what they are.
        """

    def transparent(self) -> Mask | None:
        """Return which pixels are more transparent than not, None where all are opaque by kind."""

    def make_opaque(self, box: Box, mask: Mask) -> None:
        """Let the pixels of `box` that `mask` names be seen, where the file has transparency."""


@dataclass(eq=False)
class RasterCanvas:
    """A canvas of decoded samples ``(H, W, C)``, in the file's own kind, depth and orientation.

    `model` says what the samples mean; with `has_alpha` the last one is opacity. A `colour_key` is
    a colour that stands for transparency: it is never painted.
    """

    samples: Stored
    model: ColourModel
    has_alpha: bool = False
    orientation: int = UPRIGHT
    colour_key: tuple[int, ...] | None = None
    painted: list[Box] = field(default_factory=list)
    """Boxes that were changed, as they are stored."""

    @property
    def size(self) -> tuple[int, int]:
        """``(height, width)`` as displayed."""
        height, width = self.samples.shape[:2]
        return displayed_size((height, width), self.orientation)

    @property
    def bit_depth(self) -> int:
        """Bits of the type of a sample: 8 or 16."""
        return self.samples.dtype.itemsize * 8

    def pixels(self, box: Box | None = None) -> Tensor:
        """Return the picture, or `box` of it, as ``(3, H, W)`` float32 RGB in [-1, 1]."""
        view = self._view if box is None else self._view[box.rows, box.columns]
        return image_tensor(self.model.rgb(view[..., : self.model.channels]))

    def paint(self, box: Box, image: Tensor, weight: Tensor) -> None:
        """Put `image` into `box`, mixed with what is there by `weight`."""
        view = self._view[box.rows, box.columns, : self.model.channels]
        amount = weight[0].numpy()
        colours = image_array(image)
        is_partial = bool(((amount > 0) & (amount < 1)).any())
        if is_partial:
            before = self.model.rgb(view)
            colours = before + amount[..., None] * (colours - before)
        painted = self.model.stored(colours, view, amount)
        if self.colour_key is not None:
            _avoid(painted, self.colour_key, self.model)
        is_painted = amount > 0
        view[is_painted] = painted[is_painted]
        self._note(box)

    def transparent(self) -> Mask | None:
        """Return which pixels are more transparent than not."""
        if self.has_alpha:
            return np.asarray(self._view[..., -1] <= np.iinfo(self.samples.dtype).max // 2)
        if self.colour_key is not None:
            return np.asarray((self._view == self.colour_key).all(axis=2))
        if isinstance(self.model, Palette) and not self.model.is_opaque.all():
            hidden = np.flatnonzero(~self.model.is_opaque)
            return np.isin(self._view[..., 0], hidden)
        return None

    def make_opaque(self, box: Box, mask: Mask) -> None:
        """Let the pixels of `box` that `mask` names be seen."""
        if self.has_alpha:
            self._view[box.rows, box.columns, -1][mask] = np.iinfo(self.samples.dtype).max
            self._note(box)

    def _note(self, box: Box) -> None:
        height, width = self.samples.shape[:2]
        self.painted.append(stored_box(box, (height, width), self.orientation))

    @property
    def _view(self) -> Stored:
        return displayed(self.samples, self.orientation)


def image_tensor(rgb: Floats) -> Tensor:
    """Return RGB ``(H, W, 3)`` in [0, 1] as ``(3, H, W)`` in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1))) * 2 - 1


def image_array(image: Tensor) -> Floats:
    """Return ``(3, H, W)`` in [-1, 1] as RGB ``(H, W, 3)`` in [0, 1], clipped."""
    planes = image.detach().to("cpu", torch.float32).add(1).mul(0.5).clamp(0, 1)
    return np.ascontiguousarray(planes.permute(1, 2, 0).numpy())


def _avoid(painted: Stored, key: tuple[int, ...], model: ColourModel) -> None:
    """Move painted pixels of exactly the colour `key`, which would not be seen, by one level."""
    is_key = (painted == key).all(axis=2)
    step = model.step if isinstance(model, Grey) else 1
    most = 1 if isinstance(model, BlackAndWhite) else int(np.iinfo(painted.dtype).max)
    painted[is_key, 0] = key[0] + step if key[0] < most else key[0] - step
