"""EXIF orientation: a photograph as it is displayed and as its file stores it.

The eight orientations turn and mirror whole pictures, so a view of the stored samples shows them
upright, and what is written into that view is written where the file has it.
"""

from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt

from predictor.holes import Box

Samples = TypeVar("Samples", bound=npt.NDArray[np.generic])

UPRIGHT = 1
TAG = 0x0112
"""Of EXIF and TIFF."""

# Of each orientation: whether rows and columns are exchanged, then whether rows and columns are
# reversed. EXIF 2.32, section 4.6.4: orientation 6 has its first row at the right.
_STEPS = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


def known_orientation(value: object) -> int:
    """Return `value` if it is one of the eight orientations, else upright, as viewers do."""
    return value if isinstance(value, int) and value in _STEPS else UPRIGHT


def displayed_size(stored: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Return the displayed ``(height, width)`` of a picture that is stored in the size `stored`."""
    height, width = stored
    return (width, height) if _STEPS[orientation][0] else (height, width)


def displayed(stored: Samples, orientation: int) -> Samples:
    """Return a view of `stored` ``(H, W, ...)`` as it is displayed; writing to it writes through.

    Orientations 5 to 8 exchange height and width.
    """
    is_transposed, reverses_rows, reverses_columns = _STEPS[orientation]
    view = stored.swapaxes(0, 1) if is_transposed else stored
    return cast(Samples, view[:: -1 if reverses_rows else 1, :: -1 if reverses_columns else 1])


def as_stored(view: Samples, orientation: int) -> Samples:
    """Return a view of `view` ``(H, W, ...)`` as it is stored: undone by `displayed`."""
    is_transposed, reverses_rows, reverses_columns = _STEPS[orientation]
    turned = view[:: -1 if reverses_rows else 1, :: -1 if reverses_columns else 1]
    return cast(Samples, turned.swapaxes(0, 1) if is_transposed else turned)


def stored_box(box: Box, stored: tuple[int, int], orientation: int) -> Box:
    """Return where `box` of the displayed picture lies in the picture as it is stored.

    `stored` is the ``(height, width)`` of the latter.
    """
    is_transposed, reverses_rows, reverses_columns = _STEPS[orientation]
    height, width = displayed_size(stored, orientation)
    top, bottom, left, right = box.top, box.bottom, box.left, box.right
    if reverses_rows:
        top, bottom = height - bottom, height - top
    if reverses_columns:
        left, right = width - right, width - left
    return Box(left, top, right, bottom) if is_transposed else Box(top, left, bottom, right)
