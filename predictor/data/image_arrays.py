"""Pictures in arrays: NPZ, the IDX files of MNIST and its kin, the MAT files of SVHN."""

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

_OF_TEST = re.compile(r"(?<![a-z])(t10k|test)", re.IGNORECASE)
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

_MAT_DAMAGE = (OSError, ValueError, TypeError, IndexError, EOFError, zlib.error)
"""What SciPy raises for a damaged MAT file, besides an error of its own."""

_SVHN_TEN = 10
"""What the digit zero is called there."""


def images_in_npz(path: Path) -> ImageCollection:
    """Return the pictures of an NPZ file, in the keys of Keras (``x_train``) or of MedMNIST.

    One array alone is ``images``, ``x`` or ``arr_0``; there may be no part ``train``. Labels may
    have any of these names; where there are none a warning names what is not read. Numbers that are
    not bytes are scaled, see `as_bytes`. Raises `UnusableData` for what is damaged, has no such
    key, or would have to be unpickled.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
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
    found = {path.name.removesuffix(".gz"): path for path in _sorted_files(folder)}
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
        part = TEST if _OF_TEST.search(name) else TRAIN
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


def mat_files(folder: Path) -> list[Path]:
    """Return the MAT files directly in `folder`, by name."""
    return [path for path in _sorted_files(folder) if path.suffix == ".mat"]


def with_pictures(files: Sequence[Path]) -> list[Path]:
    """Return those of the MAT `files` that may have pictures ``X``; none if none says that it has.

    Only their heads are read: one that cannot be read may have pictures.
    """
    has = {file: _has_pictures(file) for file in files}
    return [file for file in files if has[file] is not False] if any(has.values()) else []


def _has_pictures(path: Path) -> bool | None:
    """Return whether the head of a MAT file names pictures; None if it cannot be read."""
    from scipy.io import whosmat
    from scipy.io.matlab import MatReadError

    try:
        return any(name == "X" and len(shape) == 4 for name, shape, _ in whosmat(path))
    except (NotImplementedError, *_MAT_DAMAGE, MatReadError):
        return None


def images_in_mat(path: Path, files: Sequence[Path]) -> ImageCollection:
    """Return the pictures of the MAT files of SVHN: ``X`` (32, 32, 3, N) and ``y`` from 1 to 10.

    Of several, a word that begins with ``test`` makes one the test part; ``extra`` is a part of its
    own, which nothing is trained on; label 10 is the digit 0. Labels may be of any type, as
    MATLAB's are doubles. Raises `UnusableData` for others, for labels 0 and 10 together, and for
    what is cut short.
    """
    arrays: dict[str, tuple[Path, NDArray[Any], NDArray[Any] | None]] = {}
    for file in files:
        part = TRAIN if len(files) == 1 else _svhn_part(file.name)
        if part in arrays:
            raise UnusableData(f"{path} has two MAT files of the part {part!r}, one is {file.name}")
        arrays[part] = (file, *_mat_arrays(file))
    if TRAIN not in arrays:
        raise UnusableData(f"{path} has only {', '.join(arrays)} of SVHN, no train_32x32.mat")
    held = {file: labels for file, _, labels in arrays.values() if labels is not None}
    _require_one_zero(held)
    parts = {
        part: array_part(file, file.name, images, None if labels is None else labels % _SVHN_TEN)
        for part, (file, images, labels) in arrays.items()
    }
    return ImageCollection(path, parts, stamp_of(files))


def _svhn_part(name: str) -> str:
    if _OF_TEST.search(name):
        return TEST
    return "extra" if "extra" in name else TRAIN


def _require_one_zero(labels: Mapping[Path, NDArray[Any]]) -> None:
    """Raise `UnusableData` if a class is called 0 and another 10, which would become one."""
    of_zero = [file for file, found in labels.items() if (found == 0).any()]
    of_ten = [file for file, found in labels.items() if (found == _SVHN_TEN).any()]
    if of_zero and of_ten:
        raise UnusableData(
            f"{of_zero[0]} has label 0 and {of_ten[0]} label {_SVHN_TEN}, which is 0 in SVHN: "
            "number the classes from 0 to 9 or from 1 to 10"
        )


def _mat_arrays(path: Path) -> tuple[NDArray[Any], NDArray[np.int64] | None]:
    """Return the pictures ``(N, H, W, 3)`` in a MAT file and their labels from 0 to 10, if any."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        stored: Mapping[str, Any] = loadmat(path, variable_names=["X", "y"])
    except NotImplementedError as error:
        raise UnusableData(f"{path} is a MAT file of version 7.3, expected 5, as SVHN's") from error
    except (*_MAT_DAMAGE, MatReadError) as error:
        raise UnusableData(f"{path} is cut short, damaged or no MAT file: {error}") from error
    if "X" not in stored or stored["X"].ndim != 4:
        raise UnusableData(f"{path} has no pictures X (H, W, 3, N), as the MAT files of SVHN have")
    labels = stored.get("y")
    if labels is not None:
        labels = labels.reshape(-1)
        if labels.dtype.kind not in "iuf" or not np.isin(labels, range(_SVHN_TEN + 1)).all():
            raise UnusableData(
                f"{path} has labels y that are not whole numbers from 0 to 9 or from 1 to 10"
            )
        labels = labels.astype(np.int64)
    return np.moveaxis(stored["X"], 3, 0), labels


def _sorted_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())
