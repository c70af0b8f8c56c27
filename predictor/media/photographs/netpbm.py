"""PGM and PPM photographs: samples of any range, read and written with that range.

Source: the manual pages pgm(5) and ppm(5) of Netpbm. Pillow reads all of them as 8 bits, or grey as
32, and writes no range of theirs.
"""

import re

import numpy as np

from predictor.errors import UnreadableImage
from predictor.media.netpbm_head import Netpbm, of_full_range
from predictor.media.photographs.canvas import RasterCanvas
from predictor.media.photographs.colour_models import Grey, Rgb, Stored

_COMMENT = re.compile(rb"#[^\r\n]*")
_DIGITS = re.compile(rb"[\d\s]*")
_CHANNELS = {b"2": 1, b"3": 3, b"5": 1, b"6": 3}
_AS_BYTES = {b"1": b"4", b"2": b"5", b"3": b"6"}
"""Kinds that write samples as text, and those that hold the same as bytes."""


def netpbm_canvas(data: bytes, head: Netpbm, name: str) -> RasterCanvas:
    """Return a canvas of the samples of `data`, which fill 8 or 16 bits.

    Raises `UnreadableImage`, which says `name`, for a damaged file.
    """
    (height, width), channels = head.size, _CHANNELS[head.kind]
    count = height * width * channels
    samples = _digits(data, head, name) if head.is_text else _bytes(data, head, count)
    if samples.size < count:
        raise UnreadableImage(f"{name} is not a whole picture: it was cut off")
    filling = of_full_range(samples[:count], head.most).reshape(height, width, channels)
    return RasterCanvas(filling, Grey() if channels == 1 else Rgb())


def note_on_digits(data: bytes) -> str | None:
    """Return what is said of a file `data` whose samples are text, None of others."""
    kind = data[1:2]
    if kind not in _AS_BYTES:
        return None
    return f"P{kind.decode()}, which is text, is written as P{_AS_BYTES[kind].decode()}"


def netpbm_encoded(samples: Stored, most: int) -> bytes:
    """Return `samples`, of one or three channels, as a PGM or PPM file whose white is `most`.

    Those of a file with that white are again what they were.
    """
    height, width, channels = samples.shape
    full = int(np.iinfo(samples.dtype).max)
    table = np.rint(np.arange(full + 1) * (most / full)).astype(_stored(most))
    kind = 5 if channels == 1 else 6
    return b"P%d\n%d %d\n%d\n" % (kind, width, height, most) + table[samples].tobytes()


def _stored(most: int) -> str:
    return "u1" if most <= 255 else ">u2"


def _bytes(data: bytes, head: Netpbm, count: int) -> Stored:
    there = (len(data) - head.start) // np.dtype(_stored(head.most)).itemsize
    return np.frombuffer(data, _stored(head.most), min(count, there), head.start)


def _digits(data: bytes, head: Netpbm, name: str) -> Stored:
    text = _COMMENT.sub(b"", data[head.start :])
    if _DIGITS.fullmatch(text) is None:
        raise UnreadableImage(f"{name} is not a whole picture: its samples are no numbers")
    samples = np.fromstring(text, np.int64, sep=" ")
    if (samples > head.most).any():
        raise UnreadableImage(f"{name} is not a whole picture: it has samples above {head.most}")
    return samples.astype(np.uint16)
