"""Small pictures with or without labels as training examples, each a function of three numbers."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor
from torch.utils.data import Dataset

from predictor.data.image_formats import open_images
from predictor.data.image_packing import Fit, PackedImages, cropped, packed_images
from predictor.data.image_parts import TRAIN, VALIDATION, ImageCollection, Pixels
from predictor.data.split import record_held_out, recorded_held_out
from predictor.draws import generator_of
from predictor.errors import UnusableData

HELD_BYTES = 4 * 2**30
"""Packed pictures of up to so many bytes stay in the system's cache once they were read."""

_logger = logging.getLogger(__name__)


class ImageSettings(BaseModel):
    """What an example is, and which pictures are held out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: tuple[int, int] = (32, 32)
    """Height and width of an example; pictures of other sizes are resized to cover it."""

    channels: Literal[1, 3] = 3
    """Grey, or RGB: colour pictures are made grey, grey ones repeated."""

    short_side: int | None = Field(None, ge=1)
    """What the shorter side of every picture is resized to before it is cropped; None: as little
    as covers `size`."""

    crop: Literal["centre", "random"] = "centre"
    """Where an example is cut out; held-out pictures are always cut in the middle."""

    flip_horizontal: float = Field(0.0, ge=0, le=1)
    """Share of the examples that are mirrored."""

    validation_share: float = Field(0.1, gt=0, lt=1)
    """Share of the pictures held out, where the data have no part ``val``."""

    validation_count: int | None = Field(None, ge=1)
    """Pictures held out, instead of a share."""

    validation_rows: Literal["spread", "last"] = "spread"
    """Which: chosen by a hash of their names, or the last ones (as papers split MNIST); where the
    pictures lie in the order of their classes, as in class folders, the last ones of each."""

    @model_validator(mode="after")
    def _is_possible(self) -> "ImageSettings":
        if min(self.size) < 1:
            raise ValueError(f"size is {self.size}, expected a height and width of at least 1")
        if self.short_side is not None and self.short_side < min(self.size):
            raise ValueError(f"short_side is {self.short_side}, less than size {self.size}")
        return self

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(C, H, W)`` of an example."""
        return (self.channels, *self.size)

    def fit(self, is_training: bool) -> Fit:
        """Return how pictures are kept for training or for measuring."""
        keeps_all = is_training and self.crop == "random"
        return Fit(self.size, self.channels, self.short_side, keeps_all)


class ImageDataset(Dataset[dict[str, Tensor]]):
    """Examples by ``(epoch, number)``: ``image`` ``(C, H, W)`` in [-1, 1], ``label`` of int64.

    There is no ``label`` where the data have none. An item depends on the pictures, the settings,
    `seed` and its key only: not on the items asked for before or the process.
    """

    def __init__(
        self, packed: PackedImages, rows: Sequence[int], settings: ImageSettings, seed: int
    ) -> None:
        self.packed = packed
        self.rows = np.asarray(rows)
        self.settings = settings
        self.seed = seed

    @property
    def is_quick(self) -> bool:
        """Whether a batch is copied from a file that memory holds: see `TrainingDataset`."""
        return self.packed.byte_count <= HELD_BYTES

    def of_seed(self, seed: int) -> "ImageDataset":
        """Return the same pictures, cut and mirrored by another seed."""
        return ImageDataset(self.packed, self.rows.tolist(), self.settings, seed)

    def __len__(self) -> int:
        """Return the number of examples in an epoch: one of each picture."""
        return len(self.rows)

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Tensor]:
        """Return the example of picture ``number`` in ``epoch``."""
        row = int(self.rows[key[1]])
        pixels = self._varied(key, row) if self._varies else self.packed.picture(row)
        return _example(self.packed, row, pixels)

    def __getitems__(self, keys: Sequence[tuple[int, int]]) -> dict[str, Tensor]:
        """Return a batch of the examples of these keys."""
        rows = self.rows[[number for _, number in keys]]
        if self._varies:
            pixels = np.stack([self._varied(key, row) for key, row in zip(keys, rows, strict=True)])
        else:
            pixels = self.packed.pictures(rows, self.settings.size)
        batch = {"image": _in_range(pixels)}
        if self.packed.labels is not None:
            batch["label"] = torch.from_numpy(self.packed.labels[rows])
        return batch

    @property
    def _varies(self) -> bool:
        """Whether a picture is another example in another epoch."""
        return self.settings.crop == "random" or self.settings.flip_horizontal > 0

    def _varied(self, key: tuple[int, int], row: int) -> Pixels:
        """Return picture `row` as `key` has it cut and mirrored."""
        settings, (epoch, number) = self.settings, key
        down, right, flip = _drawn(self.seed, epoch, len(self))[number]
        place = (down, right) if settings.crop == "random" else (0.5, 0.5)
        pixels = cropped(self.packed.picture(row), settings.size, place)
        return pixels[:, ::-1] if flip < settings.flip_horizontal else pixels


class HeldOutImages(Dataset[dict[str, Tensor]]):
    """The middle of pictures, always the same; items as those of `ImageDataset`."""

    def __init__(self, packed: PackedImages, rows: Sequence[int], size: tuple[int, int]) -> None:
        self.packed = packed
        self.rows = np.asarray(rows)
        self.size = size

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.rows)

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        """Return one item; raises `IndexError` beyond the last."""
        row = int(self.rows[number])
        pixels = cropped(self.packed.picture(row), self.size, (0.5, 0.5))
        return _example(self.packed, row, pixels)

    def digest(self) -> str:
        """Return what changes when names, labels or pixels of the pictures do."""
        digest = blake2b(digest_of(self.packed, self.rows).encode(), digest_size=8)
        for row in self.rows:
            digest.update(np.ascontiguousarray(self.packed.picture(int(row))).data)
        return digest.hexdigest()


@lru_cache(maxsize=16)
def _drawn(seed: int, epoch: int, count: int) -> NDArray[np.float64]:
    """Return three numbers ``(count, 3)`` in [0, 1) for each example of an epoch."""
    source = generator_of(seed, epoch)
    drawn: NDArray[np.float64] = torch.rand(count, 3, generator=source, dtype=torch.float64).numpy()
    return drawn


def _example(packed: PackedImages, row: int, pixels: np.ndarray) -> dict[str, Tensor]:
    example = {"image": _in_range(pixels)}
    if packed.labels is not None:
        example["label"] = torch.tensor(packed.labels[row])
    return example


def _in_range(pixels: np.ndarray) -> Tensor:
    """Return pictures ``(..., H, W, C)`` of uint8 as ``(..., C, H, W)`` in [-1, 1]."""
    planes = np.ascontiguousarray(np.moveaxis(pixels, -1, -3)).astype(np.float32)
    planes *= np.float32(2 / 255)
    planes -= 1
    return torch.from_numpy(planes)


@dataclass(frozen=True)
class SplitImages:
    """The pictures of a run."""

    train: ImageDataset
    held_out: HeldOutImages
    """In an order such that the first of them are of all classes."""
    collection: ImageCollection
    skipped: list[str]
    """What could not be used, one line each."""

    def digest(self) -> str:
        """Return what changes when names or labels of the pictures do, but not when they move."""
        return digest_of(self.train.packed, self.train.rows)


def digest_of(packed: PackedImages, rows: NDArray[np.int64]) -> str:
    """Return what changes when the names or labels of pictures in these rows do."""
    digest = blake2b(digest_size=8)
    for row in rows:
        label = "" if packed.labels is None else packed.labels[row]
        digest.update(f"{packed.keys[row]}\0{label}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()


def split_images(
    path: Path,
    settings: ImageSettings,
    seed: int,
    cache: Path | None = None,
    *,
    classes: int | None = None,
    batch_size: int = 1,
    unlabelled: Path | None = None,
    remedy_unlabelled: str = "",
) -> SplitImages:
    """Return the pictures at `path` to train on and those held out; no picture is in both.

    A part ``test`` is in neither. Where there is a part ``val`` it is held out whole, else a share
    of the part ``train``. With `cache` the decoded pictures are kept in that folder, and the names
    of those held out: when the run in it is resumed, new pictures are trained on and no old one
    moves across. With `classes` every picture of these must have a label below it, and named
    classes must be as many; the folder `unlabelled` in `path` is no class, and `remedy_unlabelled`
    says where pictures without a label may be. Raises `UnusableData`, also for fewer pictures than
    `batch_size`; `OutputNotWritten`.
    """
    collection = open_images(path, without=unlabelled)
    if classes is not None:
        names = collection.class_names
        remedy = "" if names is None else f"for all of its {len(names)}: --set classes={len(names)}"
        collection.require_labels(
            classes, (TRAIN, VALIDATION), remedy=remedy, remedy_without=remedy_unlabelled
        )
        if names is not None and len(names) < classes:
            raise UnusableData(
                f"{path} has {len(names)} classes, classes={classes}: --set classes={len(names)}"
            )
        found = collection.class_count()
        if found < classes:
            _logger.warning(
                "%s has pictures of %d classes, classes=%d: the others are learnt from nothing",
                path,
                found,
                classes,
            )
    packed, skipped = packed_images(collection, TRAIN, settings.fit(is_training=True), cache)
    if classes is not None:
        _require_readable_classes(collection, packed)
    if VALIDATION in collection.parts:
        rows = np.arange(len(packed))
        fit = settings.fit(is_training=False)
        packed_held_out, more = packed_images(collection, VALIDATION, fit, cache)
        held_out_rows, skipped = _order(packed_held_out, settings), skipped + more
    else:
        packed_held_out = packed
        rows, held_out_rows = _split(path, packed, settings, cache)
    if len(rows) < batch_size:
        raise UnusableData(
            f"{path} has {len(rows)} pictures to train on, fewer than a batch "
            f"(batch_size={batch_size})"
        )
    return SplitImages(
        ImageDataset(packed, rows.tolist(), settings, seed),
        HeldOutImages(packed_held_out, held_out_rows.tolist(), settings.size),
        collection,
        [*collection.skipped, *skipped],
    )


def _require_readable_classes(collection: ImageCollection, packed: PackedImages) -> None:
    """Raise `UnusableData` for a class of which no picture to train on could be read."""
    names, labels = collection.class_names, collection.part(TRAIN).labels
    if names is None or labels is None or packed.labels is None:
        return
    lost = sorted(set(labels.tolist()).difference(packed.labels.tolist()))
    if lost:
        raise UnusableData(
            f"{collection.path} has no readable picture of class {names[lost[0]]} to train on; "
            "put some there or delete the folder"
        )


def _split(
    path: Path, packed: PackedImages, settings: ImageSettings, run: Path | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows to train on, in order, and those held out; each has at least one."""
    found = len(packed)
    if found < 2:
        raise UnusableData(
            f"{path} has one readable picture ({packed.names[0]}); training needs two or more, so "
            "that one can be held out"
        )
    order = _order(packed, settings)
    if recorded := recorded_held_out(run, packed.keys):
        is_held_out = np.array([packed.keys[row] in recorded for row in order])
        return np.sort(order[~is_held_out]), order[is_held_out]
    count = settings.validation_count or round(settings.validation_share * found)
    if settings.validation_count is not None and count >= found:
        raise UnusableData(
            f"{path} has {found} pictures, too few to hold {count} out; predictor train takes "
            "another number by --set images.validation_count=N"
        )
    count = min(max(count, 1), found - 1)
    record_held_out(run, (packed.keys[row] for row in order[-count:]))
    return np.sort(order[:-count]), order[-count:]


def _order(packed: PackedImages, settings: ImageSettings) -> NDArray[np.int64]:
    """Return all rows in an order from whose end some are held out.

    In it classes alternate, unless they already do so in the data.
    """
    if settings.validation_rows == "spread":
        coded = [key.encode(errors="surrogateescape") for key in packed.keys]
        hashes = [blake2b(key, digest_size=8).digest() for key in coded]
        return np.array(sorted(range(len(packed)), key=lambda row: hashes[row], reverse=True))
    labels = packed.labels
    if labels is None or len(packed) < 2 or (np.diff(labels) < 0).any():
        return np.arange(len(packed))
    counts = np.unique(labels, return_counts=True)[1]
    places = [(np.arange(count) + 0.5) / count for count in counts]  # from 0 to 1 in each class
    return np.argsort(np.concatenate(places), kind="stable")
