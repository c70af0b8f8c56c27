"""Arrays of pictures whose numbers are not bytes, as bytes: by the range that they are in."""

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.data.image_parts import Pixels
from predictor.errors import UnusableData

EXPECTED = (
    "expected pictures of uint8 or of bool, or numbers from 0 to 255, from 0 to 1, from -1 to 1, "
    "or of uint16 from 0 to 65535: clip or scale them to one of these"
)

_DARK = 16
"""Floats above 1 and up to here are refused: of 255 they would be black to the eye, so that they
are rather from 0 to 1 and overshoot (resizing does that), or of another scale."""

_UNDERSHOOT = -0.1
"""Floats from between here and 0 on are refused: from -1 to 1 nothing would be darker than middle
grey, so that they are rather from 0 to 1 and undershoot."""

_FRACTIONS, _SIGNED, _LEVELS = "from 0 to 1", "from -1 to 1", "from 0 to 255 or 65535"

_logger = logging.getLogger(__name__)


def as_bytes(path: Path, arrays: Mapping[str, NDArray[Any]]) -> dict[str, Pixels]:
    """Return the pictures of one file, by key, as uint8; a warning says how others were scaled.

    All `arrays` are scaled alike; one that is 0 throughout fits all scales. Raises `UnusableData`
    for numbers in no range that pictures usually have, for arrays in different ranges, and for what
    are no numbers.
    """
    if not arrays:
        return {}
    for key, array in arrays.items():
        if array.dtype.kind not in "biuf":
            raise UnusableData(f"{key} in {path} holds {array.dtype}, {EXPECTED}")
    filled = {key: array for key, array in arrays.items() if array.size}
    extremes = {key: (float(array.min()), float(array.max())) for key, array in filled.items()}
    low = min((low for low, _ in extremes.values()), default=0.0)
    high = max((high for _, high in extremes.values()), default=0.0)
    scale = _common_scale(path, filled, extremes)
    kinds = {array.dtype for array in arrays.values()}
    black, white = _ends(scale, kinds, high)
    if high > white:
        key = next(key for key, array in arrays.items() if array.dtype != np.uint8)
        raise UnusableData(f"{key} in {path} holds {_held(arrays[key], low, high)}, {EXPECTED}")
    if (black, white) != (0, 255) or kinds != {np.dtype(np.uint8)}:
        _logger.warning(
            "%s holds %s from %g to %g: taken for pictures from %g, black, to %g, white",
            path,
            ", ".join(sorted(map(str, kinds))),
            low,
            high,
            black,
            white,
        )
    return {key: _scaled(array, black, white) for key, array in arrays.items()}


def _common_scale(
    path: Path,
    arrays: Mapping[str, NDArray[Any]],
    extremes: Mapping[str, tuple[float, float]],
) -> str:
    """Return the scale of all `arrays`; raises `UnusableData` for an unknown one and for two."""
    first: tuple[str, str] | None = None
    for key, array in arrays.items():
        if extremes[key] == (0, 0):
            continue
        held = f"{key} in {path} holds {_held(array, *extremes[key])}"
        scale = _scale_of(array.dtype, *extremes[key])
        if scale is None:
            raise UnusableData(f"{held}, {EXPECTED}")
        if first is not None and first[1] != scale:
            raise UnusableData(
                f"{held}, {first[0]} {_held(arrays[first[0]], *extremes[first[0]])}: scale all "
                "parts alike, from 0 to 255, from 0 to 1 or from -1 to 1"
            )
        first = first or (key, scale)
    return _LEVELS if first is None else first[1]


def _held(array: NDArray[Any], low: float, high: float) -> str:
    if math.isnan(low):
        return f"{array.dtype} with values that are not a number"
    return f"{array.dtype} from {low:g} to {high:g}"


def _scale_of(kind: np.dtype[Any], low: float, high: float) -> str | None:
    """Return the scale of pictures of this type and these extremes; None if unknown."""
    if low >= 0 and high <= 1:
        return _FRACTIONS
    if kind.kind == "f" and -1 <= low <= _UNDERSHOOT and high <= 1:
        return _SIGNED
    if low >= 0 and (kind.kind != "f" or high > _DARK):
        return _LEVELS
    return None


def _ends(scale: str, kinds: set[np.dtype[Any]], high: float) -> tuple[int, int]:
    """Return what black and white are in pictures of these types, the brightest being `high`."""
    if scale == _FRACTIONS:
        return 0, 1
    if scale == _SIGNED:
        return -1, 1
    return (0, 65535) if high > 255 and kinds == {np.dtype(np.uint16)} else (0, 255)


def _scaled(array: NDArray[Any], black: int, white: int) -> Pixels:
    """Return `array`, whose numbers lie between the two, a picture at a time."""
    if array.dtype == np.uint8 and white == 255:
        return array
    result = np.empty(array.shape, np.uint8)
    for row, picture in enumerate(array):
        values = (picture.astype(np.float32) - black) * (255 / (white - black))
        result[row] = np.rint(values)
    return result
