"""WebP photographs: new picture chunks between chunks that stay byte for byte.

Sources: RFC 9649 (the container), RFC 6386, section 9 (the header of a lossy picture).
"""

import io
import struct
from collections.abc import Iterator

from predictor.errors import UnreadableImage
from predictor.media.photographs.about import about
from predictor.media.photographs.canvas import RasterCanvas
from predictor.media.photographs.header import Header, decoded
from predictor.media.photographs.photograph import Photograph
from predictor.media.photographs.raster import picture_of, raster_canvas

_PICTURE = (b"VP8 ", b"VP8L", b"ALPH")
_EXTENDED = b"VP8X"
_START_CODE = b"\x9d\x01\x2a"
_LOSSLESS_EFFORT = 75

_Chunk = tuple[bytes, bytes]


def open_webp(data: bytes, header: Header, name: str, quality: int | None) -> Photograph:
    """Return the WebP `data` as a photograph that stays lossy or lossless and keeps its chunks.

    A lossy one is encoded again, as finely as it was, or with `quality`. Raises `UnreadableImage`,
    also for an animation of one frame.
    """
    chunks = list(_chunks(data, name))
    if not any(kind in _PICTURE for kind, _ in chunks):  # it lies inside of a frame's chunk
        raise UnreadableImage(f"{name} is animated, expected one picture")
    decoded(header.picture, name)
    canvas = raster_canvas(header.picture, header.orientation, name)
    lossy = next((content for kind, content in chunks if kind == b"VP8 "), None)
    chosen = quality
    if lossy is not None and quality is None:
        chosen = _quality_of(lossy, name)

    def encoded() -> bytes:
        return _with_chunks_of(chunks, _encoded_picture(canvas, chosen))

    carried = about(header).carried
    if chosen is None:
        return Photograph("webp", (canvas,), "samples", encoded, carried, data)
    note = f"lossy WebP has no blocks that could be kept: encoded again with quality {chosen}"
    return Photograph("webp", (canvas,), "nothing", encoded, (note, *carried), data)


def is_lossy_webp(data: bytes, name: str) -> bool:
    """Return whether the WebP `data` is lossy. Raises `UnreadableImage` if it was cut off."""
    return any(kind == b"VP8 " for kind, _ in _chunks(data, name))


def _encoded_picture(canvas: RasterCanvas, quality: int | None) -> bytes:
    stream = io.BytesIO()
    picture = picture_of(canvas)
    if quality is None:
        picture.save(stream, "WEBP", lossless=True, quality=_LOSSLESS_EFFORT, exact=True)
    else:
        picture.save(stream, "WEBP", quality=quality, exact=True)
    return stream.getvalue()


def _with_chunks_of(chunks: list[_Chunk], encoded: bytes) -> bytes:
    """Return the picture `encoded` with every other chunk of `chunks`, in their order.

    One that gets a chunk for its opacity becomes an extended file, which such a chunk needs.
    """
    written = list(_chunks(encoded, "the picture written"))
    new = [chunk for chunk in written if chunk[0] in _PICTURE]
    is_extended = any(kind == _EXTENDED for kind, _ in chunks)
    kept = [] if is_extended else [chunk for chunk in written if chunk[0] == _EXTENDED]
    for chunk in chunks:
        if chunk[0] in _PICTURE:
            kept += new
            new = []
        else:
            kept.append(chunk)
    body = b"".join(
        kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
        for kind, content in kept
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _chunks(data: bytes, name: str) -> Iterator[_Chunk]:
    place, end = 12, 8 + struct.unpack("<I", data[4:8])[0]
    if len(data) < end - end % 2:
        raise UnreadableImage(f"{name} is not a whole picture: it was cut off")
    while place + 8 <= end:
        kind, length = struct.unpack_from("<4sI", data, place)
        yield kind, data[place + 8 : place + 8 + length]
        place += 8 + length + length % 2


def _quality_of(lossy: bytes, name: str) -> int:
    """Return the quality at which libwebp quantises about as finely as `lossy` is quantised."""
    if lossy[3:6] != _START_CODE:
        raise UnreadableImage(f"{name} is not a whole picture: its first frame is no key frame")
    index = _quantiser_index(_Bits(lossy[10:]))
    # libwebp: index = 127 (1 - c^(1/3)), c = 2/3 q below q = 3/4 and 2 q - 1 from there on.
    fineness = (1 - index / 127) ** 3
    quality = fineness * 1.5 if fineness < 0.5 else (1 + fineness) / 2
    return max(1, min(100, round(100 * quality)))


def _quantiser_index(bits: "_Bits") -> float:
    """Return the quantiser index of a key frame, of its two finest segments if it has some."""
    bits.number(2)  # colour space, clamping
    segments = [0]
    is_absolute = False
    if bits.number(1):
        has_map, has_data = bits.number(1), bits.number(1)
        if has_data:
            is_absolute = bool(bits.number(1))
            segments = [bits.signed(7) for _ in range(4)]
            for _ in range(4):
                bits.signed(6)
        if has_map:
            for _ in range(3):
                if bits.number(1):
                    bits.number(8)
    bits.number(1 + 6 + 3)  # the loop filter: kind, level, sharpness
    if bits.number(1) and bits.number(1):
        for _ in range(8):
            bits.signed(6)
    bits.number(2)  # partitions
    base = bits.number(7)
    indices = segments if is_absolute else [base + delta for delta in segments]
    return max(0, min(127, sum(sorted(indices)[:2]) / len(indices[:2])))


class _Bits:
    """The boolean decoder of RFC 6386, section 7, with even chances: one bit after another."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._value = int.from_bytes(data[:2].ljust(2, b"\0"), "big")
        self._place = 2
        self._range = 255
        self._shifted = 0

    def number(self, bits: int) -> int:
        """Return an unsigned number of so many bits."""
        value = 0
        for _ in range(bits):
            value = value << 1 | self._bit()
        return value

    def signed(self, bits: int) -> int:
        """Return a number with a flag before it, 0 where that is not set, and a sign behind it."""
        if not self._bit():
            return 0
        value = self.number(bits)
        return -value if self._bit() else value

    def _bit(self) -> int:
        split = 1 + ((self._range - 1) * 128 >> 8)
        is_set = self._value >= split << 8
        if is_set:
            self._range -= split
            self._value -= split << 8
        else:
            self._range = split
        while self._range < 128:
            self._value <<= 1
            self._range <<= 1
            self._shifted += 1
            if self._shifted == 8:
                self._shifted = 0
                if self._place < len(self._data):
                    self._value |= self._data[self._place]
                self._place += 1
        return int(is_set)
