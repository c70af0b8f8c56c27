"""Pictures in arrays: NPZ, and the IDX files of MNIST and its kin."""

import gzip
import logging
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.data.image_parts import TEST, TRAIN, VALIDATION, ImageCollection, array_part
from predictor.data.pixel_values import as_bytes
from predictor.data.stamps import stamp_of
from predictor.errors import UnusableData

_IDX_DTYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_IDX_NAME = re.compile(r"(?P<kind>images|labels)[-.]idx[13]-ubyte(\.gz)?$")

_logger = logging.getLogger(__name__)

OF_TEST = re.compile(r"(?<![a-z])(t10k|test)", re.IGNORECASE)
"""What a name has for the test part: a word that begins so, not the end of ``latest``."""

_NPZ_KEYS = {
    TRAIN: ("x_train", "train_images", "train_x", "images", "x", "X", "arr_0"),
    VALIDATION: ("x_val", "val_images", "val_x", "x_valid", "valid_images"),
    TEST: ("x_test", "test_images", "test_x"),
}
_NPZ_LABELS = {
    TRAIN: ("y_train", "train_labels", "train_y", "labels", "y", "arr_1"),
    VALIDATION: ("y_val", "val_labels", "val_y", "y_valid", "valid_labels"),
    TEST: ("y_test", "test_labels", "test_y"),
}
_PARTNERS = {
    "x": "y", "X": "y", "images": "labels", "arr_0": "arr_1",
    "x_train": "y_train", "train_images": "train_labels", "train_x": "train_y",
    "x_val": "y_val", "val_images": "val_labels", "val_x": "val_y",
    "x_valid": "y_valid", "valid_images": "valid_labels",
    "x_test": "y_test", "test_images": "test_labels", "test_x": "test_y",
}  # fmt: skip
"""The labels that belong to pictures of a name, where a file has labels of several names."""


def images_in_npz(path: Path) -> ImageCollection:
    """Return the pictures of an NPZ file, in the keys of Keras (``x_train``) or of MedMNIST.

    One array alone is ``images``, ``x`` or ``arr_0``; there may be no part ``train``. Labels may
    have any of these names; where there are none a warning names what is not read. Numbers that are
    not bytes are scaled, see `as_bytes`. Raises `UnusableData` for what is damaged, has no such
    key, or would have to be unpickled.
    """
    try:
        with path.open("rb") as file:
            stored = np.load(file, allow_pickle=False)
            if isinstance(stored, np.ndarray):
                raise UnusableData(f"{path} is an NPY file, one array without a name; expected NPZ")
            arrays = {key: stored[key] for key in stored if key in _KNOWN_KEYS}
            keys = list(stored)
    except ValueError as error:
        raise UnusableData(
            f"{path} holds Python objects, which run code when they are read, or is damaged; "
            f"it was not read ({error})"
        ) from error
    except (OSError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UnusableData(f"{path} is damaged or no NPZ file: {error}") from error
    chosen = {
        part: key
        for part, candidates in _NPZ_KEYS.items()
        if (key := next((key for key in candidates if key in arrays), None)) is not None
    }
    pictures = as_bytes(path, {key: arrays[key] for key in chosen.values()})
    label_keys = {part: _label_key(part, key, arrays) for part, key in chosen.items()}
    parts = {
        part: array_part(path, key, pictures[key], arrays[of] if (of := label_keys[part]) else None)
        for part, key in chosen.items()
    }
    if not parts:
        raise UnusableData(
            f"{path} has {', '.join(keys) or 'nothing'}; expected x_train and y_train, "
            "train_images and train_labels, or images and labels, or the same of test alone"
        )
    unread = [key for key in keys if key not in {*chosen.values(), *label_keys.values()}]
    bare = [key for part, key in chosen.items() if label_keys[part] is None]
    if bare and unread:
        _logger.warning(
            "%s has no labels for %s; not read are %s", path, ", ".join(bare), ", ".join(unread)
        )
    return ImageCollection(path, parts, stamp_of([path]))


def _label_key(part: str, pictures: str, arrays: Mapping[str, NDArray[Any]]) -> str | None:
    """Return the key of the labels of the array `pictures`, None if there is none."""
    candidates = (_PARTNERS[pictures], *_NPZ_LABELS[part])
    return next((key for key in candidates if key in arrays), None)


_KNOWN_KEYS = {*_PARTNERS, *_PARTNERS.values()}


def idx_files(folder: Path) -> list[Path]:
    """Return the IDX files directly in `folder`, by name; one that is there twice, packed, once."""
    found = {path.name.removesuffix(".gz"): path for path in sorted_files(folder)}
    return [path for name, path in found.items() if _IDX_NAME.search(name)]


def images_in_idx(path: Path, files: Sequence[Path]) -> ImageCollection:
    """Return the pictures of IDX files, as MNIST comes, also packed with gzip.

    A word that begins with ``t10k`` or ``test`` makes it the test part, anything else is trained
    on; the labels of ``…images-idx3-ubyte`` are ``…labels-idx1-ubyte``. Raises `UnusableData` for
    files that are cut short, or where two sets lie in one folder.
    """
    by_name = {_plain(file.name): file for file in files}
    parts, used = {}, []
    chosen: dict[str, Path] = {}
    for name, file in by_name.items():
        if "labels-idx1" in name:
            continue
        part = TEST if OF_TEST.search(name) else TRAIN
        if part in chosen:
            raise UnusableData(
                f"{path} has two sets: {chosen[part].name} and {file.name}; name one of them"
            )
        chosen[part] = file
        beside = by_name.get(name.replace("images-idx3", "labels-idx1"))
        labels = None if beside is None else _idx_array(beside)
        parts[part] = array_part(path, file.name, _idx_array(file), labels)
        used += [file, *([beside] if beside else [])]
    if not parts:
        raise UnusableData(f"{path} has labels and no pictures")
    return ImageCollection(path, parts, stamp_of(used))


def idx_partners(path: Path) -> list[Path]:
    """Return an IDX file of pictures and, if it is there, that of its labels."""
    wanted = _plain(path.name).replace("images-idx3", "labels-idx1")
    labels = [file for file in idx_files(path.parent) if _plain(file.name) == wanted]
    return [path, *(file for file in labels if file != path)]


def _plain(name: str) -> str:
    """Return ``train-images.idx3-ubyte.gz`` as ``train-images-idx3-ubyte``."""
    return name.removesuffix(".gz").replace(".idx", "-idx")


def is_idx_name(name: str) -> bool:
    """Return whether a file of that name is one of IDX."""
    return _IDX_NAME.search(name) is not None


def _idx_array(path: Path) -> NDArray[Any]:
    """Return the array in `path`; http://yann.lecun.com/exdb/mnist has the format."""
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise UnusableData(f"{path} is cut short or damaged: {error}") from error
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _IDX_DTYPES:
        raise UnusableData(
            f"{path} is not an IDX file: it begins with {data[:4].hex() or 'nothing'}"
        )
    axes, dtype = data[3], np.dtype(_IDX_DTYPES[data[2]])
    start = 4 + 4 * axes
    shape = tuple(int(size) for size in np.frombuffer(data[4:start], ">u4"))
    expected = start + dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    if len(shape) != axes or len(data) != expected:
        raise UnusableData(
            f"{path} has {len(data)} bytes, expected {expected} for {shape}: it is cut short or "
            "damaged"
        )
    return np.frombuffer(data, dtype, offset=start).reshape(shape)


def sorted_files(folder: Path) -> list[Path]:
    """Return the files directly in `folder`, by name."""
    return sorted(path for path in folder.iterdir() if path.is_file())
