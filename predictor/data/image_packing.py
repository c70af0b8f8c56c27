"""Pictures decoded once, fitted to the size that a run needs, and mapped into memory."""

import io
import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from predictor.data.image_parts import Channels, ImageCollection, Pixels
from predictor.errors import UnreadableImage, UnusableData
from predictor.whole_files import whole_file, write_whole

_VERSION = 2

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fit:
    """How pictures of any size are resized and cropped before they are kept."""

    size: tuple[int, int]
    """Height and width of an example."""
    channels: Channels
    short_side: int | None = None
    """What the shorter side is resized to first; None: no larger than covers `size`."""
    keeps_all: bool = False
    """Keep what lies beside the middle too, for crops at random places."""


def fit_of_shape(shape: tuple[int, int, int], short_side: int | None = None) -> Fit:
    """Return the fit for a network of pictures of `shape` ``(C, H, W)``: the middle of each."""
    channels, height, width = shape
    return Fit((height, width), 1 if channels == 1 else 3, short_side)


class PackedImages:
    """Pictures of one part, one after the other; each process maps the file when first asked."""

    def __init__(
        self,
        file: Path | None,
        content: Pixels | None,
        shapes: NDArray[np.int64],
        channels: Channels,
        names: Sequence[str],
        keys: Sequence[str],
        labels: NDArray[np.int64] | None,
        digest: str,
    ) -> None:
        self.names = names
        self.keys = keys
        """As in `ImagePart`."""
        self.labels = labels
        self.digest = digest
        """What changes when a pixel of the part does, be it in other rows than are used."""
        self._file, self._content = file, content
        self._shapes = np.column_stack([shapes, np.full(len(shapes), channels)])
        self._are_alike = bool((self._shapes == self._shapes[:1]).all())
        self._starts = np.concatenate([[0], np.cumsum(self._shapes.prod(axis=1))])

    def __len__(self) -> int:
        return len(self._shapes)

    @property
    def byte_count(self) -> int:
        """Bytes of all pictures together."""
        return int(self._starts[-1])

    def __getstate__(self) -> dict[str, object]:
        """Leave the mapping out: a worker process makes its own."""
        return {**self.__dict__, "_content": None if self._file else self._content}

    def picture(self, row: int) -> Pixels:
        """Return picture `row`, ``(H, W, C)``, as a view of the file: do not change it."""
        if self._content is None:
            assert self._file is not None
            # A plain array of the mapping: every slice of a memmap is one, at a price.
            self._content = np.asarray(np.memmap(self._file, dtype=np.uint8, mode="r"))
        found = self._content[self._starts[row] : self._starts[row + 1]]
        return found.reshape(self._shapes[row])

    def pictures(self, rows: Sequence[int] | NDArray[np.int64], size: tuple[int, int]) -> Pixels:
        """Return the middles of pictures ``(N, *size, C)``, those of these rows."""
        if tuple(self._shapes[0][:2]) == size and self._are_alike and len(rows):
            self.picture(0)  # maps the file
            assert self._content is not None
            return self._content.reshape(-1, *self._shapes[0])[rows]
        return np.stack([cropped(self.picture(int(row)), size, (0.5, 0.5)) for row in rows])


def packed_images(
    collection: ImageCollection, part: str, fit: Fit, folder: Path | None = None
) -> tuple[PackedImages, list[str]]:
    """Return the pictures of a part, decoded and fitted, and why some are missing.

    With `folder` they are in ``images-PART.bin`` there, made where it is not there yet or is of
    other pictures; without it they are in memory. Pictures of another size than the example's are
    resized until they cover it and cropped in the middle, which a warning says with the first of
    them. Raises `UnusableData` if none can be read, `OutputNotWritten` if the disk is full.
    """
    chosen = collection.part(part)
    description = json.dumps([_VERSION, collection.stamp, part, str(fit)])
    file = None if folder is None else folder / f"images-{part}.bin"
    note = None if file is None else file.with_suffix(".json")
    kept = _kept(file, note, description)
    content: Pixels | None = None
    if kept is None:
        if file is None:
            buffer = io.BytesIO()
            kept = _written(collection, part, fit, buffer)
            content = np.frombuffer(buffer.getbuffer(), np.uint8)
        else:
            assert note is not None
            note.unlink(missing_ok=True)
            with whole_file(file, reads_too=True) as partial, partial.open("wb") as opened:
                kept = _written(collection, part, fit, opened)
            write_whole(note, json.dumps({"of": description, **kept}).encode())
    rows = np.array(kept["rows"], dtype=np.int64)
    names = [chosen.names[row] for row in rows]
    keys = names if chosen.keys is None else [chosen.keys[row] for row in rows]
    labels = None if chosen.labels is None else chosen.labels[rows]
    shapes = np.array(kept["shapes"], dtype=np.int64)
    if len(shapes) == 1:  # all alike
        shapes = np.repeat(shapes, len(rows), axis=0)
    packed = PackedImages(file, content, shapes, fit.channels, names, keys, labels, kept["digest"])
    return packed, list(kept["skipped"])


def _kept(file: Path | None, note: Path | None, description: str) -> dict[str, Any] | None:
    """Return what the note beside a file of these pictures says; None where there is none."""
    if file is None or note is None:
        return None
    with suppress(OSError, ValueError, KeyError, TypeError):
        found: dict[str, Any] = json.loads(note.read_text())
        if found["of"] == description and file.stat().st_size == found["bytes"]:
            return found
    return None


def _written(collection: ImageCollection, name: str, fit: Fit, file: BinaryIO) -> dict[str, Any]:
    """Write the fitted pictures and return what must be known to find them again."""
    part = collection.part(name)
    rows, shapes, skipped, resized = [], [], [], []
    digest = blake2b(digest_size=8)
    for row, picture in enumerate(part.pictures(fit.channels)):
        if isinstance(picture, UnreadableImage):
            skipped.append(str(picture))
            continue
        fitted = fitted_picture(picture, fit)
        if picture.shape[:2] != fitted.shape[:2]:
            resized.append((part.names[row], picture.shape))
        content = np.ascontiguousarray(fitted).data
        file.write(content)
        digest.update(content)
        rows.append(row)
        shapes.append([int(side) for side in fitted.shape[:2]])
    if not rows:
        raise UnusableData(
            f"{collection.path} has no readable picture: {len(skipped)} tried, the first: "
            f"{skipped[0]}"
        )
    if resized:
        first, shape = resized[0]
        others = len(resized) - 1
        _logger.warning(
            "%s is %dx%d: %s %s and cropped",
            first,
            shape[1],
            shape[0],
            f"it and {others} others of {len(rows)} pictures are" if others else "it is",
            f"resized to cover {fit.size[1]}x{fit.size[0]}"
            if fit.short_side is None
            else f"resized to a shorter side of {fit.short_side}",
        )
    count = file.tell()
    alike = shapes[:1] if all(shape == shapes[0] for shape in shapes) else shapes
    return {
        "rows": rows,
        "shapes": alike,
        "skipped": skipped,
        "bytes": count,
        "digest": digest.hexdigest(),
    }


def fitted_picture(picture: Pixels, fit: Fit) -> Pixels:
    """Return the picture resized, antialiased, as `fit` says, and its middle if no more is kept."""
    height, width = fit.size
    rows, columns = picture.shape[:2]
    scale = max(height / rows, width / columns)
    if fit.short_side is not None:
        scale = max(scale, fit.short_side / min(rows, columns))
    if scale != 1:
        new = max(height, round(rows * scale)), max(width, round(columns * scale))
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        resized = cv2.resize(np.ascontiguousarray(picture), new[::-1], interpolation=method)
        picture = np.asarray(resized, dtype=np.uint8).reshape(*new, fit.channels)
    return picture if fit.keeps_all else cropped(picture, fit.size, (0.5, 0.5))


def cropped(picture: Pixels, size: tuple[int, int], place: tuple[float, float]) -> Pixels:
    """Return a part of the picture.

    `place` is the share, down and across, of the spare room that lies before it. Every part is
    equally likely for shares drawn evenly from [0, 1).
    """
    height, width = size
    top = int(place[0] * (picture.shape[0] - height + 1))
    left = int(place[1] * (picture.shape[1] - width + 1))
    return picture[top : top + height, left : left + width]
