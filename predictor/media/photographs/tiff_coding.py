"""How a strip or tile of a TIFF file is coded: compression and horizontal differences.

Source: TIFF revision 6.0, sections 9 (PackBits), 13 (LZW), 14 (differencing); supplement 2 (ZIP).
"""

import io
import struct
import zlib
from fractions import Fraction
from typing import Any, Literal, cast

import numpy as np
import PIL.Image

from predictor.media.photographs.colour_models import Stored
from predictor.media.photographs.pillow_limit import pillow_without_limit

NONE, LZW, ZIP, OLD_ZIP, PACKBITS, LZMA, ZSTD = 1, 5, 8, 32946, 32773, 34925, 50000
COMPRESSIONS = (NONE, LZW, ZIP, OLD_ZIP, PACKBITS, LZMA, ZSTD)
"""Those that lose nothing and are read and written here."""

_PILLOW_NAMES = {LZW: "tiff_lzw", PACKBITS: "packbits", LZMA: "lzma", ZSTD: "zstd"}
_HORIZONTAL = 2
_LEVEL = 6

ByteOrder = Literal["<", ">"]
_Value = int | tuple[int, ...] | bytes | Fraction

_ORDERS: dict[bytes, ByteOrder] = {b"II*\0": "<", b"MM\0*": ">"}
_UNITS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
"""Bytes of a value of each type."""
_POINTERS = frozenset({34665, 34853, 40965})
"""Tags whose value is the place of a directory: EXIF 2.32, section 4.6.3."""
# fmt: off
_STRUCTURAL = frozenset({
    *range(254, 267), 273, 274, *range(277, 282), 284, *range(288, 294), 297, 301, *range(317, 326),
    *range(330, 348), *range(512, 522), *range(529, 533), 700, 34377, 34675, 37724,
})
# fmt: on
"""Tags about how a picture is stored, and those that a new file has from elsewhere."""

EMPTY_TIFF = b"II*\0\0\0\0\0"
"""The beginning of a TIFF file that holds nothing yet."""


class DamagedStrip(Exception):
    """A strip or tile that does not hold what it should."""


def decoded_strip(
    data: bytes,
    shape: tuple[int, int, int],
    dtype: np.dtype[np.generic],
    compression: int,
    predictor: int,
) -> Stored:
    """Return the samples ``(rows, columns, samples)`` of a strip in the machine's byte order.

    Raises `DamagedStrip`.
    """
    size = shape[0] * shape[1] * shape[2] * dtype.itemsize
    content = _decompressed(data, size, shape[0], compression)
    if len(content) < size:
        raise DamagedStrip(f"a strip has {len(content)} bytes, expected {size}")
    samples = np.frombuffer(content[:size], dtype).reshape(shape)
    native = cast(Stored, samples.astype(dtype.newbyteorder("=")))
    if predictor == _HORIZONTAL:
        native = np.cumsum(native, axis=1, dtype=native.dtype)
    return np.asarray(native)


def encoded_strip(
    samples: Stored, dtype: np.dtype[np.generic], compression: int, predictor: int
) -> bytes:
    """Return `samples` ``(rows, columns, samples)`` coded for a file with samples of `dtype`."""
    if predictor == _HORIZONTAL:
        first = np.zeros_like(samples[:, :1])
        samples = np.diff(samples, axis=1, prepend=first)  # wraps around, as it is to
    content = np.ascontiguousarray(samples.astype(dtype)).tobytes()
    if compression == NONE:
        return content
    if compression in (ZIP, OLD_ZIP):
        return zlib.compress(content, _LEVEL)
    rows = samples.shape[0]
    picture = PIL.Image.frombytes("L", (len(content) // rows, rows), content)
    stream = io.BytesIO()
    picture.save(
        stream, "TIFF", compression=_PILLOW_NAMES[compression], strip_size=len(content) + 1
    )
    with pillow_without_limit():
        written: Any = PIL.Image.open(stream)
    ((offset,), (length,)) = (written.tag_v2[tag] for tag in (273, 279))
    return stream.getvalue()[offset : offset + length]


def _decompressed(data: bytes, size: int, rows: int, compression: int) -> bytes:
    if compression == NONE:
        return data
    if compression in (ZIP, OLD_ZIP):
        try:
            return zlib.decompressobj().decompress(data, size)
        except zlib.error as error:
            raise DamagedStrip(f"a strip cannot be decompressed ({error})") from error
    # Bytes are bytes: as a grey picture they go through the library whatever they mean.
    try:
        file = one_strip_file(data, (rows, size // rows), {259: compression})
        with pillow_without_limit(), PIL.Image.open(io.BytesIO(file)) as picture:
            return picture.tobytes()
    except (OSError, SyntaxError, ValueError) as error:
        raise DamagedStrip(f"a strip cannot be decompressed ({error})") from error


def one_strip_file(
    data: bytes,
    size: tuple[int, int],
    tags: dict[int, _Value],
    front: bytes = EMPTY_TIFF,
) -> bytes:
    """Return a TIFF file whose picture of `size` ``(height, width)`` is the one coded strip `data`.

    `tags` are the others that it needs. `front` is a TIFF file in front of it, as EXIF is one: what
    its first directory says about a picture is said of this one, and since nothing in it moves,
    what that refers to stays where it says. The order of bytes is that of `front`, in `data` too.
    """
    height, width = size
    tags = {258: 8, 259: NONE, 262: 1, 277: 1} | tags
    tags |= {256: width, 257: height, 273: 0, 278: height, 279: len(data)}
    order = byte_order(front)
    entries, _ = whole_entries(front)
    entries = {tag: entry for tag, entry in entries.items() if tag not in _STRUCTURAL}
    front += b"\0" * (len(front) % 2)
    place = len(front) + 2 + 12 * len(tags | entries) + 4
    rest = b""
    for tag, value in tags.items():
        kind, count, coded = _coded(value, order)
        if len(coded) > 4:
            rest += b"\0" * (len(rest) % 2)
            coded, rest = struct.pack(f"{order}I", place + len(rest)), rest + coded
        entries[tag] = struct.pack(f"{order}HHI", tag, kind, count) + coded.ljust(4, b"\0")
    entries[273] = struct.pack(f"{order}HHII", 273, 4, 1, place + len(rest))
    listed = b"".join(entry for _, entry in sorted(entries.items()))
    directory = struct.pack(f"{order}H", len(entries)) + listed + b"\0" * 4
    start = front[:4] + struct.pack(f"{order}I", len(front))
    return start + front[8:] + directory + rest + data


def byte_order(tiff: bytes) -> ByteOrder:
    """Return the order of bytes of a TIFF file. Raises `ValueError` for what is none."""
    if len(tiff) < 8 or tiff[:4] not in _ORDERS:
        raise ValueError("it does not begin as a TIFF file does")
    return _ORDERS[tiff[:4]]


def whole_entries(tiff: bytes) -> tuple[dict[int, bytes], bool]:
    """Return the entries of the first directory of a TIFF file by tag, and whether all are whole.

    Those are left out whose value, or whose directory, does not lie in the file. Raises
    `ValueError` for what is no TIFF file.
    """
    order = byte_order(tiff)
    (place,) = struct.unpack_from(f"{order}I", tiff, 4)
    found: dict[int, bytes] = {}
    try:
        (count,) = struct.unpack_from(f"{order}H", tiff, place) if place else (0,)
        for at in range(place + 2, place + 2 + 12 * count, 12):
            tag, kind, length, value = struct.unpack_from(f"{order}HHII", tiff, at)
            size = length * _UNITS.get(kind, len(tiff))
            if tag in _POINTERS:
                size = value + 2
            elif size > 4:
                size += value
            if size <= max(4, len(tiff)):
                found[tag] = tiff[at : at + 12]
    except struct.error:
        return found, False
    return found, len(found) == count


def _coded(value: _Value, order: ByteOrder) -> tuple[int, int, bytes]:
    """Return the type, the count and the bytes of the value of a tag."""
    if isinstance(value, bytes):
        return 7, len(value), value
    if isinstance(value, Fraction):
        return 5, 1, struct.pack(f"{order}II", value.numerator, value.denominator)
    numbers = value if isinstance(value, tuple) else (value,)
    is_short = max(numbers) < 1 << 16
    return (
        3 if is_short else 4,
        len(numbers),
        struct.pack(f"{order}{len(numbers)}{'H' if is_short else 'I'}", *numbers),
    )
