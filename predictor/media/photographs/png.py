"""PNG photographs: new samples between chunks that stay byte for byte.

Source: W3C Portable Network Graphics specification, third edition.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from predictor.errors import UnreadableImage
from predictor.media.photographs.about import about
from predictor.media.photographs.canvas import RasterCanvas
from predictor.media.photographs.colour_models import Grey, Palette
from predictor.media.photographs.header import Header, decoded
from predictor.media.photographs.photograph import Photograph
from predictor.media.photographs.raster import (
    deep_canvas,
    deep_encoded,
    picture_of,
    raster_canvas,
)

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB, _GREY_ALPHA = 0, 2, 4
_OF_SAMPLES = (b"tRNS", b"bKGD", b"sBIT", b"hIST", b"PLTE")
"""Chunks that mean something only with the colour type and depth that they were written for."""

# fmt: off
_UNDERSTOOD = frozenset({
    b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"bKGD",
    b"hIST", b"sPLT", b"tIME", b"acTL", b"fcTL", b"fdAT", b"pCAL", b"sCAL", b"sTER",
})
# fmt: on
"""Ancillary chunks, unsafe to copy by their names, that a filled hole does not make wrong: all that
are registered but the digital signature."""


@dataclass(frozen=True)
class Chunk:
    """One chunk: four letters and what it holds."""

    kind: bytes
    content: bytes

    @property
    def is_of_old_samples(self) -> bool:
        """Whether it may hold something that is wrong beside other samples: section 14.2."""
        is_ancillary, is_unsafe = self.kind[:1].islower(), self.kind[3:].isupper()
        return is_ancillary and is_unsafe and self.kind not in _UNDERSTOOD

    def encoded(self) -> bytes:
        """Return the chunk as it stands in a file."""
        check = zlib.crc32(self.kind + self.content)
        length = struct.pack(">I", len(self.content))
        return length + self.kind + self.content + struct.pack(">I", check)


@dataclass(frozen=True)
class _Layout:
    """The header chunk: depth of a sample in bits, colour type, and whether it is interlaced."""

    depth: int
    colour: int
    is_interlaced: bool


def open_png(data: bytes, header: Header, name: str) -> Photograph:
    """Return the PNG `data` as a photograph that keeps its samples and chunks.

    Raises `UnreadableImage` for a damaged file.
    """
    chunks = list(_chunks(data, name))
    layout = _layout(chunks[0], name)
    decoded(header.picture, name)  # checks the whole file, whoever decodes it
    notes = [*about(header).carried]
    if layout.is_interlaced:
        notes.append("it is written without interlacing")
    if layout.depth == 16 and layout.colour != _GREY:
        canvas = deep_canvas(data, header.orientation, name)
        key = _colour_key(chunks) if layout.colour == _RGB else None
        if key is not None:  # OpenCV reads it as opacity
            canvas = replace(
                canvas, samples=canvas.samples[..., :3], has_alpha=False, colour_key=key
            )
        if layout.colour == _GREY_ALPHA:
            notes.append("16-bit grey with opacity is written as 16-bit RGB with opacity")
    else:
        canvas = raster_canvas(header.picture, header.orientation, name)
        if layout.colour == _GREY and layout.depth in (2, 4):  # Pillow fills 8 bits with them
            canvas.model = Grey(step=255 // ((1 << layout.depth) - 1))

    def encoded() -> bytes:
        return with_chunks_of(data, _encoded_samples(canvas, layout))

    return Photograph("png", (canvas,), "samples", encoded, tuple(notes), data)


def _encoded_samples(canvas: RasterCanvas, layout: _Layout) -> bytes:
    if canvas.bit_depth == 16 and canvas.samples.shape[2] > 1:
        return deep_encoded(canvas, ".png")
    stream = io.BytesIO()
    picture = picture_of(canvas)
    if isinstance(canvas.model, Palette):  # Pillow would choose the depth by the colours there are
        picture.putpalette(canvas.model.colours.tobytes().ljust(3 << 8, b"\0"))
    options = {"bits": layout.depth} if layout.depth <= 8 else {}
    picture.save(stream, "PNG", **options)
    return stream.getvalue()


def with_chunks_of(carrier: bytes, encoded: bytes) -> bytes:
    """Return the picture of the PNG `encoded` with all that the PNG `carrier` says beside its own.

    Every chunk of the carrier but the header and the samples stays, in its order; those that mean
    something only with the samples they were written for stay if the kind of samples is the same.
    What is unknown and unsafe to copy is left out: Apple's iDOT says where in the file the rows of
    the old samples begin.
    """
    chunks, new = list(_chunks(carrier, "the carrier")), list(_chunks(encoded, "the picture"))
    samples = [chunk for chunk in new if chunk.kind == b"IDAT"]
    is_same_kind = new[0].content[8:10] == chunks[0].content[8:10]
    kept: list[Chunk] = [new[0]]
    for chunk in chunks[1:]:
        if chunk.kind == b"IDAT":
            kept += samples
            samples = []
        elif not chunk.is_of_old_samples and (is_same_kind or chunk.kind not in _OF_SAMPLES):
            kept.append(chunk)
    return SIGNATURE + b"".join(chunk.encoded() for chunk in kept)


def _chunks(data: bytes, name: str) -> Iterator[Chunk]:
    place = len(SIGNATURE)
    kind = b""
    while kind != b"IEND":
        head = data[place : place + 8]
        if len(head) < 8:
            raise UnreadableImage(f"{name} is not a whole picture: it was cut off")
        length, kind = struct.unpack(">I4s", head)
        content = data[place + 8 : place + 8 + length]
        if len(content) < length or len(data) < place + 12 + length:
            raise UnreadableImage(f"{name} is not a whole picture: it was cut off")
        check = int.from_bytes(data[place + 8 + length : place + 12 + length], "big")
        if kind[:1].isupper() and zlib.crc32(content, zlib.crc32(kind)) != check:
            # Pillow decodes such samples, and the file written with new checksums would look whole.
            raise UnreadableImage(f"{name} is not a whole picture: its data are damaged")
        yield Chunk(kind, content)
        place += 12 + length


def _layout(chunk: Chunk, name: str) -> _Layout:
    if chunk.kind != b"IHDR" or len(chunk.content) != 13:
        raise UnreadableImage(f"{name} is not a whole picture: it has no header")
    _, _, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", chunk.content)
    return _Layout(depth, colour, bool(interlace))


def _colour_key(chunks: list[Chunk]) -> tuple[int, ...] | None:
    for chunk in chunks:
        if chunk.kind == b"tRNS" and len(chunk.content) == 6:
            return struct.unpack(">HHH", chunk.content)
    return None
