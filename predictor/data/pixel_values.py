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
    "or of uint16 from 0 to 65535"
)

_logger = logging.getLogger(__name__)


def as_bytes(path: Path, arrays: Mapping[str, NDArray[Any]]) -> dict[str, Pixels]:
    """Return the pictures of one file, by key, as uint8; a warning says how others were scaled.

    The range is that of all `arrays` together, so that parts stay alike. Raises `UnusableData` for
    numbers in none that pictures usually have, and for what are no numbers.
    """
    if not arrays:
        return {}
    for key, array in arrays.items():
        if array.dtype.kind not in "biuf":
            raise UnusableData(f"{key} in {path} holds {array.dtype}, {EXPECTED}")
    filled = [array for array in arrays.values() if array.size]
    low = min((float(array.min()) for array in filled), default=0.0)
    high = max((float(array.max()) for array in filled), default=0.0)
    kinds = {array.dtype for array in arrays.values()}
    ends = _ends(kinds, low, high)
    if ends is None:
        key = next(key for key, array in arrays.items() if array.dtype != np.uint8)
        held = f"from {low:g} to {high:g}"
        if math.isnan(low):
            held = "with values that are not a number"
        raise UnusableData(f"{key} in {path} holds {arrays[key].dtype} {held}, {EXPECTED}")
    if ends != (0, 255):
        _logger.warning(
            "%s holds %s from %g to %g: taken for pictures from %g, black, to %g, white",
            path,
            ", ".join(sorted(map(str, kinds))),
            low,
            high,
            *ends,
        )
    return {key: _scaled(array, *ends) for key, array in arrays.items()}


def _ends(kinds: set[Any], low: float, high: float) -> tuple[int, int] | None:
    """Return what black and white are in pictures of these types and extremes; None if unknown."""
    is_of_bytes = np.dtype(np.uint8) in kinds
    if low >= 0 and high <= 1 and (high > 0 or not is_of_bytes):  # of bytes also, if binarized
        return 0, 1
    if all(kind.kind == "f" for kind in kinds) and low >= -1 and high <= 1:
        return -1, 1
    if low >= 0 and high <= 255:
        return 0, 255
    return (0, 65535) if kinds == {np.dtype(np.uint16)} else None


def _scaled(array: NDArray[Any], black: int, white: int) -> Pixels:
    """Return `array`, whose numbers lie between the two, a picture at a time."""
    if array.dtype == np.uint8 and white == 255:
        return array
    result = np.empty(array.shape, np.uint8)
    for row, picture in enumerate(array):
        values = (picture.astype(np.float32) - black) * (255 / (white - black))
        result[row] = np.rint(values)
    return result
