"""The head of PGM and PPM files, whose samples have any range, and their samples in full range.

Source: the manual pages pgm(5) and ppm(5) of Netpbm.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SPACE = rb"(?:\s|#[^\r\n]*[\r\n])+"
_HEAD = re.compile(rb"P([2356])" + 3 * (_SPACE + rb"(\d{1,10})") + rb"\s")


@dataclass(frozen=True)
class Netpbm:
    """The head of a PGM or PPM file."""

    kind: bytes
    """The digit behind the P."""
    size: tuple[int, int]
    """``(height, width)``."""
    most: int
    """The level of white, 1 to 65535."""
    start: int
    """Where the samples begin."""

    @property
    def is_text(self) -> bool:
        """Whether the samples are written as text."""
        return self.kind in (b"2", b"3")


def netpbm_head(data: bytes) -> Netpbm | None:
    """Return the head of the file `data`; None for other kinds, such as PBM, and damaged ones."""
    found = _HEAD.match(data)
    if found is None:
        return None
    kind, (width, height, most) = found[1], (int(found[number]) for number in (2, 3, 4))
    if not (width and height and 1 <= most <= 65535):
        return None
    return Netpbm(kind, (height, width), most, found.end())


def of_full_range(samples: NDArray[Any], most: int) -> NDArray[Any]:
    """Return `samples` whose white is `most` as ones that fill 8 or 16 bits.

    They are rounded as Pillow rounds them; what is above white becomes white.
    """
    full = 255 if most <= 255 else 65535
    table = np.rint(np.arange(most + 1) / most * full).astype("u1" if full == 255 else "u2")
    return np.asarray(table[np.minimum(samples, most)])
