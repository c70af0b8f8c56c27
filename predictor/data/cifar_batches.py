"""The batches of CIFAR-10 and CIFAR-100, in their binary version, in a folder or in their archive.

The version for Python is pickles, which run code when they are read: it is refused by name.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from predictor.data.image_parts import TEST, TRAIN, ImageCollection, ImagePart, array_part
from predictor.errors import UnusableData

_PIXELS = 3 * 32 * 32
_TEN = {TRAIN: [f"data_batch_{number}.bin" for number in range(1, 6)], TEST: ["test_batch.bin"]}
_HUNDRED = {TRAIN: ["train.bin"], TEST: ["test.bin"]}
_BATCHES_OF_HUNDRED = {*_HUNDRED[TRAIN], *_HUNDRED[TEST]}
_PICKLED = {*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"}
_HUNDRED_PICKLED = {"train", "test", "meta"}

ReadFile = Callable[[str], bytes]


def is_cifar(path: Path, names: Sequence[str]) -> bool:
    """Return whether the files of these names are batches of CIFAR.

    Raises `UnusableData` if they are those that are pickled.
    """
    plain = {PurePosixPath(name).name for name in names}
    if _PICKLED & plain or plain >= _HUNDRED_PICKLED:
        raise UnusableData(
            f"{path} has CIFAR's batches for Python: pickles, which run code when they are read; "
            "they were not read. Take the binary version (such as cifar-10-binary.tar.gz), or "
            "class folders of pictures"
        )
    return _has_ten(plain) or plain >= _BATCHES_OF_HUNDRED


def is_lone_batch(names: Iterable[str]) -> bool:
    """Return whether one of the two batches of CIFAR-100 is among the files of these names.

    Other programs call their files so too: where pictures lie beside it, it is not one.
    """
    return not _BATCHES_OF_HUNDRED.isdisjoint(PurePosixPath(name).name for name in names)


def cifar_batches(path: Path, names: Sequence[str], read: ReadFile, stamp: str) -> ImageCollection:
    """Return the pictures of the batches among `names`; CIFAR-100 by its hundred fine classes.

    Batches that are missing are left out, so that one alone can be tried. Raises `UnusableData`
    for one that is cut short.
    """
    where = {PurePosixPath(name).name: name for name in names}
    is_ten = _has_ten(where)
    parts = {}
    for part, files in (_TEN if is_ten else _HUNDRED).items():
        found = [where[file] for file in files if file in where]
        if found:
            parts[part] = _part(path, found, read, label_bytes=1 if is_ten else 2)
    meta = where.get("batches.meta.txt" if is_ten else "fine_label_names.txt")
    class_names = None
    if meta is not None:
        class_names = tuple(read(meta).decode("utf-8", "replace").split())
    return ImageCollection(path, parts, stamp, class_names)


def _has_ten(names: Iterable[str]) -> bool:
    return not set(_TEN[TRAIN] + _TEN[TEST]).isdisjoint(names)


def _part(path: Path, names: Sequence[str], read: ReadFile, label_bytes: int) -> ImagePart:
    width = label_bytes + _PIXELS
    rows = []
    for name in names:
        data = np.frombuffer(read(name), np.uint8)
        if data.size == 0 or data.size % width:
            raise UnusableData(
                f"{name} in {path} has {data.size} bytes, expected a multiple of {width}: it is "
                "cut short or no batch of CIFAR"
            )
        rows.append(data.reshape(-1, width))
    batch = np.concatenate(rows)
    labels = batch[:, label_bytes - 1]
    name = names[0] if len(names) == 1 else f"{names[0]}…"
    part = array_part(path, name, batch[:, label_bytes:].reshape(-1, 3, 32, 32), labels)
    # Rows of all batches joined are what runs have been split by.
    in_files = [
        f"{file}[{row}]" for file, own in zip(names, rows, strict=True) for row in range(len(own))
    ]
    return replace(part, names=in_files, keys=part.names)
