"""What a set of small pictures consists of, whatever format it comes in."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from predictor.errors import UnreadableImage, UnusableData

Pixels = NDArray[np.uint8]
"""One picture, ``(H, W, C)``, RGB or grey."""

Channels = Literal[1, 3]

_EXPECTED_SHAPE = "expected (N, H, W), (N, H, W, C) or (N, C, H, W) with one channel or three"

TRAIN, VALIDATION, TEST = PARTS = "train", "val", "test"
"""The names of official parts: in folders, in archives and in the keys of arrays."""


def part_folders(path: Path, names: Collection[str]) -> dict[str, str]:
    """Return the folder of each official part among the folders `names` in `path`.

    ``Train`` is ``train``, unless it is the only part among other folders: a class of vehicles
    looks like that. Raises `UnusableData` for two folders of one part.
    """
    found: dict[str, str] = {}
    for name in sorted(names):
        part = name.lower()
        if part not in PARTS:
            continue
        if part in found:
            raise UnusableData(f"{path} has both {found[part]}/ and {name}/; put them together")
        found[part] = name
    if len(names) > len(found) == 1 and not set(found.values()) <= set(PARTS):
        return {}
    return {part: found[part] for part in PARTS if part in found}


@dataclass(frozen=True, eq=False)
class ImagePart:
    """One official part of a set: its pictures in order."""

    names: Sequence[str]
    """What each picture is called, in messages and tables: where to find it."""
    labels: NDArray[np.int64] | None
    """The class of each picture from 0 on; None where there are none."""
    pictures: Callable[[Channels], Iterator[Pixels | UnreadableImage]]
    """The pictures with that many channels, or why one cannot be read; one for each name."""
    keys: Sequence[str] | None = None
    """What the split and a run that is resumed know each picture by; None: its name."""


@dataclass(frozen=True, eq=False)
class ImageCollection:
    """The pictures at a path, by official part."""

    path: Path
    parts: Mapping[str, ImagePart]
    stamp: str
    """What changes when the pictures may have."""
    class_names: tuple[str, ...] | None = None
    """The names of the classes by number, where the format has them."""
    empty_classes: tuple[str, ...] = ()
    """Class folders without a picture."""
    skipped: tuple[str, ...] = field(default=())
    """What lies there and is not used, one line each."""

    def part(self, name: str) -> ImagePart:
        """Return the part of that name; raises `UnusableData` if there is none."""
        if name not in self.parts:
            found = ", ".join(self.parts) or "nothing"
            raise UnusableData(f"{self.path} has no part {name!r}, only {found}")
        return self.parts[name]

    def class_count(self) -> int:
        """Return how many different labels there are, over all parts."""
        labels = [part.labels for part in self.parts.values() if part.labels is not None]
        return len(np.unique(np.concatenate(labels))) if labels else 0

    def require_labels(
        self,
        classes: int,
        parts: Collection[str] | None = None,
        *,
        remedy: str = "",
        remedy_without: str = "",
    ) -> None:
        """Raise `UnusableData` unless every picture has a label below `classes`.

        With `parts` those of other parts may have none. `remedy` says what to do about a label
        that is too high, `remedy_without` about pictures without any.
        """
        if self.empty_classes:
            raise UnusableData(
                f"{self.path} has a class without a picture: {self.empty_classes[0]}; "
                "put some there or delete the folder"
            )
        for name, part in self.parts.items():
            if part.labels is None:
                if parts is not None and name not in parts:
                    continue
                # A part has no labels as soon as one of its pictures lies in no folder.
                loose = min(part.names, key=lambda picture: picture.count("/"))
                raise UnusableData(
                    f"{self.path} has no labels for pictures such as {loose}; expected class "
                    f"folders, or labels beside the pictures{_after(remedy_without)}"
                )
            wrong = np.flatnonzero(part.labels >= classes)
            if wrong.size:
                row = int(wrong[0])
                raise UnusableData(
                    f"{part.names[row]} in {self.path} has label {part.labels[row]}, expected 0 to "
                    f"{classes - 1} (classes={classes}){_after(remedy)}"
                )


def _after(remedy: str) -> str:
    return f"; {remedy}" if remedy else ""


def array_part(
    path: Path, name: str, images: NDArray[Any], labels: NDArray[Any] | None
) -> ImagePart:
    """Return a part made of arrays, which in the file or folder `path` are called `name`.

    `images` are uint8 ``(N, H, W)``, ``(N, H, W, C)`` or ``(N, C, H, W)``, grey or RGB; `labels`
    are whole numbers ``(N,)`` or ``(N, 1)``, counted from 0. Raises `UnusableData` for others.
    """
    where = str(path) if path.name == name else f"{name} in {path}"
    images = _channels_last(where, images)
    names = [f"{name}[{row}]" for row in range(len(images))]
    if not names:
        raise UnusableData(f"{where} has no pictures")

    def pictures(channels: Channels) -> Iterator[Pixels | UnreadableImage]:
        return (with_channels(image, channels) for image in images)

    return ImagePart(names, _checked_labels(where, labels, len(names)), pictures)


def with_channels(pixels: Pixels, channels: Channels) -> Pixels:
    """Return the picture ``(H, W, 1 or 3)`` with that many channels.

    Grey is repeated; of colour its luma is taken (ITU-R BT.601).
    """
    if pixels.shape[2] == channels:
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=2)
    grey = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
    return np.asarray(grey, dtype=np.uint8)[..., None]


def _channels_last(where: str, images: NDArray[Any]) -> Pixels:
    if images.dtype != np.uint8:
        raise UnusableData(f"{where} holds {images.dtype}, expected pictures of uint8")
    if images.ndim == 3 and images.shape[2] in (3, 4) and images.shape[1] > 4:
        raise UnusableData(
            f"{where} has shape {images.shape}: one colour picture? {_EXPECTED_SHAPE}"
        )
    if images.ndim == 3:
        return images[..., None]
    if images.ndim == 4 and images.shape[3] in (1, 3):
        return images
    if images.ndim == 4 and images.shape[1] in (1, 3):
        return images.transpose(0, 2, 3, 1)
    raise UnusableData(f"{where} has shape {images.shape}, {_EXPECTED_SHAPE}")


def _checked_labels(
    where: str, labels: NDArray[Any] | None, count: int
) -> NDArray[np.int64] | None:
    if labels is None:
        return None
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (count,):
        raise UnusableData(
            f"{where} has {count} pictures and labels of shape {labels.shape}, expected one whole "
            f"number a picture: ({count},)"
        )
    is_number = np.issubdtype(labels.dtype, np.integer) or np.issubdtype(labels.dtype, np.floating)
    if not is_number or not (np.isfinite(labels) & (labels == np.round(labels))).all():
        raise UnusableData(f"the labels of {where} are {labels.dtype}, expected whole numbers")
    whole = labels.astype(np.int64)
    if whole.min() < 0:
        row = int(whole.argmin())
        raise UnusableData(f"picture {row} of {where} has label {labels[row]}, expected 0 or more")
    return whole
