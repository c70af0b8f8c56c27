"""Pictures in the MAT files of SVHN."""

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.data.image_arrays import OF_TEST, sorted_files
from predictor.data.image_parts import TEST, TRAIN, ImageCollection, array_part
from predictor.data.stamps import stamp_of
from predictor.errors import UnusableData

_DAMAGE = (OSError, ValueError, TypeError, IndexError, EOFError, zlib.error)
"""What SciPy raises for a damaged MAT file, besides an error of its own."""

_SVHN_TEN = 10
"""What the digit zero is called there."""


def mat_files(folder: Path) -> list[Path]:
    """Return the MAT files directly in `folder`, by name."""
    return [path for path in sorted_files(folder) if path.suffix == ".mat"]


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
    except (NotImplementedError, *_DAMAGE, MatReadError):
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
    if OF_TEST.search(name):
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
    except (*_DAMAGE, MatReadError) as error:
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
