"""Training examples: parts of photographs with holes in them, each a function of three numbers."""

from collections.abc import Mapping
from typing import Annotated, TypedDict

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Generator, Tensor
from torch.utils.data import Dataset

from predictor.data.mask_source import MaskKind, MaskSource
from predictor.data.photo_index import IndexedPhoto, PhotoIndex
from predictor.draws import generator_of
from predictor.media.images import Reduction, from_uint8, read_pixels

Share = Annotated[float, Field(gt=0, le=1)]


class PhotoSettings(BaseModel):
    """How an example is cut out of a photograph and varied."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    crop: tuple[int, int] = (192, 192)
    """Height and width of an example in pixels; smaller photographs are enlarged to it."""

    shown: tuple[Share, Share] = (0.6, 1.0)
    """Smallest and largest part of a photograph that is shown: the side of the largest crop that
    fits is 1. What is shown is resized to the crop."""

    flip_horizontal: float = Field(0.5, ge=0, le=1)

    @model_validator(mode="after")
    def _is_possible(self) -> "PhotoSettings":
        if min(self.crop) < 1:
            raise ValueError(f"crop is {self.crop}, expected a height and width of at least 1")
        if self.shown[0] > self.shown[1]:
            raise ValueError(f"shown is {self.shown}, expected smallest <= largest")
        return self


class PhotoDataset(Dataset[dict[str, Tensor]]):
    """Examples by ``(epoch, number)``: ``image`` ``(3, h, w)`` in [-1, 1], ``mask`` ``(1, h, w)``.

    Masks are 1 where a pixel is missing; the image is whole. An item depends on the photographs,
    the settings, `seed` and its key only: not on the items asked for before or the process.
    """

    def __init__(
        self, index: PhotoIndex, settings: PhotoSettings, masks: MaskSource, seed: int
    ) -> None:
        self.index = index
        self.settings = settings
        self.masks = masks
        self.seed = seed

    def __len__(self) -> int:
        """Return the number of examples in an epoch: one of each photograph."""
        return len(self.index.photos)

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Tensor]:
        """Return the example of photograph ``number`` in ``epoch``."""
        drawn = torch.rand(4, generator=self._generator(key, "crop"), dtype=torch.float64)
        scale, down, right, flip = drawn.tolist()
        smallest, largest = self.settings.shown
        pixels = photograph_part(
            self.index,
            self.index.photos[key[1]],
            self.settings.crop,
            shown=smallest + (largest - smallest) * scale,
            place=(down, right),
        )
        if flip < self.settings.flip_horizontal:
            pixels = pixels[:, ::-1]
        mask = self.masks.drawn(self.settings.crop, self._generator(key, "mask"))
        return {"image": from_uint8(pixels), "mask": mask}

    def _generator(self, key: tuple[int, int], purpose: str) -> Generator:
        return generator_of(self.seed, *key, purpose)


class HeldOutItem(TypedDict):
    """One photograph with one hole."""

    image: Tensor
    mask: Tensor
    name: str
    kind: str
    """Which of the sources drew the mask."""


class HeldOutPhotos(Dataset[HeldOutItem]):
    """The middle of every photograph with one mask of each source; always the same."""

    def __init__(
        self, index: PhotoIndex, size: tuple[int, int], masks: Mapping[MaskKind, MaskSource]
    ) -> None:
        self.index = index
        self.size = size
        self.masks = masks

    def __len__(self) -> int:
        """Return the number of photographs times that of the sources."""
        return len(self.index.photos) * len(self.masks)

    def __getitem__(self, number: int) -> HeldOutItem:
        """Return one item; raises `IndexError` beyond the last."""
        photo = self.index.photos[number // len(self.masks)]
        kind = list(self.masks)[number % len(self.masks)]
        generator = generator_of(photo.name, kind)
        return {
            "image": from_uint8(photograph_part(self.index, photo, self.size)),
            "mask": self.masks[kind].drawn(self.size, generator),
            "name": photo.name,
            "kind": kind,
        }


def photograph_part(
    index: PhotoIndex,
    photo: IndexedPhoto,
    size: tuple[int, int],
    shown: float = 1.0,
    place: tuple[float, float] = (0.5, 0.5),
) -> NDArray[np.uint8]:
    """Return a part of a photograph at `size`, uint8 RGB ``(H, W, 3)``.

    The part has the format of `size` and `shown` times the sides of the largest that fits. `place`
    is the share, down and across, of the spare room that lies before it: 0 is the top left, 1 the
    bottom right. The file is decoded no larger than needed. Raises `UnreadableImage` if it has
    changed since it was indexed.
    """
    assert photo.size is not None
    height, width = size
    fit = shown * min(photo.size[0] / height, photo.size[1] / width)
    reductions: tuple[Reduction, ...] = (8, 4, 2, 1)
    reduction = next((r for r in reductions if fit >= r), reductions[-1])
    whole = read_pixels(index.path(photo), reduction)
    rows, columns = whole.shape[:2]
    scale = shown * min(rows / height, columns / width)
    part_rows, part_columns = max(1, round(height * scale)), max(1, round(width * scale))
    top = int(place[0] * (rows - part_rows + 0.999))
    left = int(place[1] * (columns - part_columns + 0.999))
    part = whole[top : top + part_rows, left : left + part_columns]
    if part.shape[:2] == size:
        return part
    method = cv2.INTER_AREA if part_rows > height else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(part, (width, height), interpolation=method), dtype=np.uint8)
