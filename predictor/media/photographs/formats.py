"""Formats that are written whole: PGM and PPM, and by Pillow all others that `_OTHERS` names."""

import contextlib
import io
import struct
from dataclasses import dataclass
from typing import Any

import PIL.Image

from predictor.errors import UnreadableImage
from predictor.media.netpbm_head import netpbm_head
from predictor.media.photographs.about import About, about
from predictor.media.photographs.canvas import RasterCanvas
from predictor.media.photographs.colour_models import Palette
from predictor.media.photographs.header import Header, decoded
from predictor.media.photographs.netpbm import (
    netpbm_canvas,
    netpbm_encoded,
    note_on_digits,
)
from predictor.media.photographs.orientation import UPRIGHT
from predictor.media.photographs.photograph import Photograph
from predictor.media.photographs.raster import (
    deep_canvas,
    picture_of,
    raster_canvas,
)
from predictor.media.photographs.tiff import TiffFile, UnusualTiff

_LOSSY_QUALITY = 90
_OF_32_BITS = ("I", "F")
"""Pillow's modes of grey that is wider than 16 bits, or signed, or floating point."""
_JPEG_2000_START = b"\xff\x4f\xff\x51"
"""Of a stream of it, whose first segment says sizes and depths: ISO 15444-1, A.4.1 and A.5.1."""


@dataclass(frozen=True)
class _Writer:
    """How Pillow writes a format: what it can say about a picture, and what is lost."""

    said: tuple[str, ...] = ()
    info: tuple[str, ...] = ()
    """Keys of Pillow's `info` that are options of the writer by the same name."""
    is_lossy: bool = False
    options: tuple[tuple[str, Any], ...] = ()


_OTHERS = {
    "bmp": _Writer(said=("dpi",)),
    "dib": _Writer(said=("dpi",)),
    "tga": _Writer(info=("compression", "orientation", "id_section")),
    "pcx": _Writer(said=("dpi",)),
    "sgi": _Writer(),
    "qoi": _Writer(),
    "gif": _Writer(
        said=("comment",),
        info=("transparency", "background", "version"),
        options=(("optimize", False),),
    ),
    "ppm": _Writer(),
    "jpeg2000": _Writer(options=(("irreversible", False),)),
    "avif": _Writer(
        said=("icc_profile", "exif", "xmp"), is_lossy=True, options=(("subsampling", "4:4:4"),)
    ),
    "heif": _Writer(said=("icc_profile", "exif", "xmp"), is_lossy=True),
}
"""Formats that are written whole as they were read."""


def open_other(data: bytes, header: Header, name: str, quality: int | None) -> Photograph:
    """Return the file `data` of a format that Pillow writes whole.

    Raises `UnreadableImage` for a damaged file and for a format that is read only.
    """
    PIL.Image.init()  # all of its writers
    writable = [kind for kind in _OTHERS if kind.upper() in PIL.Image.SAVE]
    if header.format not in writable:
        kinds = ", ".join(["jpeg", "png", "tiff", "webp", *writable])
        raise UnreadableImage(
            f"{name} is {header.format.upper()}, which is not written here; --format png converts "
            f"it (written are {kinds})"
        )
    writer = _OTHERS[header.format]
    canvas, said = decoded_canvas(data, header, name)
    notes = []
    if header.picture.mode == "P" and not isinstance(canvas.model, Palette):
        notes.append("its palette has opacity and is written as colours")
    options: dict[str, Any] = said.options(*writer.said) | dict(writer.options)
    options |= {key: header.picture.info[key] for key in writer.info if key in header.picture.info}
    if writer.is_lossy:
        options["quality"] = quality or _LOSSY_QUALITY
        kind = header.format.upper()
        notes.append(f"{kind} is encoded again as a whole, with quality {options['quality']}")
    bits = stored_depth(data, header)
    if bits > canvas.bit_depth:
        notes.append(f"{bits} bits a channel are written with {canvas.bit_depth}")
    head = netpbm_head(data) if header.format == "ppm" else None
    if header.format == "ppm" and (note := note_on_digits(data)) is not None:
        notes.append(note)
    if "exif" in options:
        notes += said.carried

    def encoded() -> bytes:
        if head is not None:
            return netpbm_encoded(canvas.samples, head.most)
        written = written_by_pillow(picture_of(canvas), header.format.upper(), options)
        return (
            _bmp_with_opacity(written) if header.format == "bmp" and canvas.has_alpha else written
        )

    keeps = "nothing" if writer.is_lossy or bits > canvas.bit_depth else "samples"
    return Photograph(header.format, (canvas,), keeps, encoded, tuple(notes), data)  # type: ignore[arg-type] # one of the literal's


def decoded_canvas(data: bytes, header: Header, name: str) -> tuple[RasterCanvas, About]:
    """Return the picture of any format decoded, and what it says about itself.

    A TIFF is upright. Raises `UnreadableImage` for a damaged file.
    """
    if header.format == "tiff":
        file = TiffFile(data, name)
        with contextlib.suppress(UnusualTiff):
            return file.pages[0].plain_canvas(), about(header)
        if header.picture.mode in _OF_32_BITS:
            raise file.unread()
    head = netpbm_head(data) if header.format == "ppm" else None
    if head is not None:
        return netpbm_canvas(data, head, name), about(header)
    decoded(header.picture, name)
    said = about(header)
    # Pillow and OpenCV turn a TIFF picture while they decode it, and no other.
    orientation = UPRIGHT if header.format == "tiff" else header.orientation
    if _is_deep_colour(data, header):
        return deep_canvas(data, orientation, name), said
    picture = header.picture
    if picture.palette is not None and picture.palette.mode == "RGBA":  # of a TGA
        picture = picture.convert("RGBA")
    return raster_canvas(picture, orientation, name), said


def _is_deep_colour(data: bytes, header: Header) -> bool:
    """Return whether there are 16 bits in colour, where Pillow sees 8."""
    if header.format == "png":
        return data[24] == 16 and data[25] != 0
    if header.format == "tiff":
        bits = header.picture.tag_v2.get(258, (8,))  # type: ignore[attr-defined] # of a TIFF
        return bool(header.picture.mode in ("RGB", "RGBA") and max(bits) == 16)
    return False


def _bmp_with_opacity(data: bytes) -> bytes:
    """Return a BMP of four bytes a pixel, as Pillow writes it, with a header that names opacity.

    The header is that of version 4, which has a mask for each of red, green, blue and opacity.
    """
    size, resolution = data[18:30], data[34:54]
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<I", 108) + size + struct.pack("<I", 3) + resolution + masks + b"BGRs"
    header = header.ljust(108, b"\0")
    pixels, start = data[54:], 14 + len(header)
    return b"BM" + struct.pack("<3I", start + len(pixels), 0, start) + header + pixels


def stored_depth(data: bytes, header: Header) -> int:
    """Return the bits of a channel that a JPEG 2000, HEIF, AVIF or SGI file says; else 8."""
    if header.format == "sgi":
        return 8 * data[3]
    if header.format == "jpeg2000":
        place = data.find(_JPEG_2000_START) + 42  # of three bytes for each component
        count = int.from_bytes(data[place - 2 : place], "big")
        return max(((bits & 0x7F) + 1 for bits in data[place : place + 3 * count : 3]), default=8)
    if header.format not in ("heif", "avif"):
        return 8
    place = data.find(b"pixi")
    return data[place + 9] if 0 <= place < len(data) - 9 and data[place + 8] else 8


def written_by_pillow(picture: PIL.Image.Image, kind: str, options: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()
