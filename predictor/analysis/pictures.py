"""Pictures of any format as arrays of the size that an encoder takes, and as batches of images."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from predictor.analysis.features import BATCH
from predictor.data import open_images
from predictor.data.image_packing import Fit, packed_images
from predictor.data.image_parts import TEST, TRAIN, VALIDATION, ImageCollection

Pixels = NDArray[np.uint8]

MEASURED = (TEST, VALIDATION, TRAIN)
"""The parts that a model may be measured on, the best first."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """The readable pictures of one official part, in order."""

    pixels: Pixels
    """``(N, H, W, C)``"""
    names: tuple[str, ...]
    labels: NDArray[np.int64] | None
    """The classes from 0 on, where there are any."""

    def __len__(self) -> int:
        return len(self.pixels)

    def rows(self, rows: Sequence[int] | NDArray[np.int64]) -> "Pictures":
        """Return only the pictures of these rows."""
        names = tuple(self.names[row] for row in rows)
        labels = None if self.labels is None else self.labels[rows]
        return Pictures(self.pixels[rows], names, labels)

    def images(self) -> Tensor:
        """Return them as images ``(N, C, H, W)`` in [-1, 1]."""
        return as_images(self.pixels)


@dataclass(frozen=True, eq=False)
class PictureParts:
    """The pictures at a path by official part: ``train``, ``val``, ``test``."""

    parts: Mapping[str, Pictures]
    class_names: tuple[str, ...] | None
    skipped: tuple[str, ...]
    """What could not be read, one line each."""


def fitted_pictures(
    path: Path,
    fit: Fit,
    *,
    are_labelled: bool = False,
    first_of: Sequence[str] | None = None,
    without: Path | None = None,
) -> PictureParts:
    """Return the pictures at `path`, resized and cropped as `fit` says.

    Of all parts, or only of the first that there is among `first_of`: the others are not read. The
    folder `without`, if it lies in `path`, is left out, so that it is no class.
    Raises `UnusableData`; with `are_labelled` also where a picture has no label or a class no
    picture.
    """
    collection = open_images(path, without=without)
    if are_labelled:
        labels = [part.labels for part in collection.parts.values() if part.labels is not None]
        collection.require_labels(1 + max((int(found.max()) for found in labels), default=0))
    parts, skipped = {}, list(collection.skipped)
    names = list(collection.parts)
    if first_of is not None:
        names = [next(name for name in first_of if name in names)]
    for name in names:
        parts[name], unread = fitted_part(collection, name, fit)
        skipped += unread
    return PictureParts(parts, collection.class_names, tuple(skipped))


def fitted_part(collection: ImageCollection, name: str, fit: Fit) -> tuple[Pictures, list[str]]:
    """Return the pictures of one part, resized and cropped as `fit` says, and what is unreadable.

    Raises `UnusableData` where nothing can be read.
    """
    packed, unread = packed_images(collection, name, fit)
    pixels = packed.pictures(range(len(packed)), fit.size)
    return Pictures(pixels, tuple(packed.names), packed.labels), unread


def as_images(pixels: Pixels) -> Tensor:
    """Return pictures ``(N, H, W, C)`` as images ``(N, C, H, W)`` in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2) / 127.5 - 1


def some_of(pictures: Pictures, count: int) -> Pictures:
    """Return at most `count` of the pictures, evenly spaced."""
    return pictures.rows(spaced_rows(len(pictures), count))


def spaced_rows(total: int, count: int) -> list[int]:
    """Return `count` rows of `total`, or all of fewer, evenly spaced with both ends.

    Pictures in class folders lie class by class: the first ones would be of a few classes.
    """
    return np.linspace(0, total - 1, min(count, total)).round().astype(int).tolist()


def image_batches(pixels: Pixels) -> Iterator[Tensor]:
    """Yield all pictures in order as images, `BATCH` at a time."""
    for start in range(0, len(pixels), BATCH):
        yield as_images(pixels[start : start + BATCH])


def mixed_batches(pixels: Pixels) -> Iterator[Tensor]:
    """Yield the pictures in `mixed_order` as images, `BATCH` at a time.

    An incomplete last batch is left out unless it is the only one.
    """
    order = mixed_order(len(pixels))
    for start in range(0, max(1, len(order) - BATCH + 1), BATCH):
        yield as_images(pixels[order[start : start + BATCH]])


def mixed_order(count: int) -> NDArray[np.int64]:
    """Return a shuffled order of so many pictures, always the same.

    In class folders pictures lie class by class. Statistics of a batch of one class mean little,
    and a network that compares the pictures of a batch could tell their class by that.
    """
    return np.random.default_rng(0).permutation(count)


def place_of(name: str) -> tuple[str, int]:
    """Return what names are sorted by: themselves, those of rows of an array by their number."""
    array, bracket, row = name.removesuffix("]").rpartition("[")
    return (array, int(row)) if bracket and row.isdecimal() else (name, 0)
