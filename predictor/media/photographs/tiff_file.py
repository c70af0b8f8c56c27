"""Opening TIFF photographs: page by page, or as a whole where a page is of an unusual kind."""

from typing import Any

from predictor.errors import UnreadableImage
from predictor.media.photographs.formats import decoded_canvas, written_by_pillow
from predictor.media.photographs.header import Header
from predictor.media.photographs.orientation import UPRIGHT
from predictor.media.photographs.photograph import Photograph
from predictor.media.photographs.raster import picture_of
from predictor.media.photographs.tiff import TiffFile, UnusualTiff

_LOSSLESS = frozenset(
    {"raw", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits", "group3", "group4",
     "tiff_ccitt", "zstd", "lzma"}
)  # fmt: skip
_STRIP_TAGS = (254, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 317, 322, 323, 324, 325,
               338, 339, 347, 529, 530, 531, 532)  # fmt: skip
"""Tags about how the samples are stored, which the writer sets."""


def open_tiff(data: bytes, header: Header, name: str) -> Photograph:
    """Return the TIFF `data` as a photograph of all its pages that have the size of the first.

    Smaller copies and pages of other sizes stay as they are, said in the notes. Raises
    `UnreadableImage` for a damaged file and for a camera's raw file.
    """
    file = TiffFile(data, name)
    if any(page.is_raw for page in file.pages):
        raise UnreadableImage(f"{name} is a camera's raw file; develop it to TIFF or JPEG first")
    full = [page for page in file.pages if not page.is_smaller_copy]
    if not full:
        raise UnreadableImage(f"{name} has smaller copies of a picture and not the picture")
    chosen = [page for page in full if page.size == full[0].size]
    notes = []
    if len(full) > 1:
        notes.append(
            f"{len(chosen)} of {len(full)} pages have the size of the first and are filled"
        )
    if len(full) < len(file.pages):
        notes.append("its smaller copies are kept and may still show what was there")
    if any(page.has_layers for page in file.pages):
        notes.append("its layers are kept and may still show what was there")
    try:
        canvases = [page.canvas() for page in chosen]
    except UnusualTiff as unusual:
        if len(file.pages) > 1:
            raise UnreadableImage(
                f"{name} has several pages and {unusual}, which is not written here"
            ) from unusual
        return _written_whole(data, header, name, str(unusual), notes)

    def encoded() -> bytes:
        target = bytearray(data)
        for page, canvas in zip(chosen, canvases, strict=True):
            page.patch(target, canvas.samples, canvas.painted)
        return bytes(target)

    return Photograph("tiff", tuple(canvases), "samples", encoded, tuple(notes), data)


def _written_whole(
    data: bytes, header: Header, name: str, reason: str, notes: list[str]
) -> Photograph:
    canvas, _ = decoded_canvas(data, header, name)
    picture: Any = header.picture
    compression = picture.info.get("compression", "raw")
    notes = [*notes, f"written as a whole, since it has {reason}"]
    if compression not in _LOSSLESS:
        notes.append(f"its {compression} compression, which loses, becomes ZIP, which does not")
        compression = "tiff_adobe_deflate"
    if header.orientation != UPRIGHT:
        notes.append("it is written upright")
    tags = picture.tag_v2.__class__(prefix=picture.tag_v2.prefix)
    for tag, value in picture.tag_v2.items():
        if tag not in _STRIP_TAGS:
            tags[tag] = value
            tags.tagtype[tag] = picture.tag_v2.tagtype[tag]

    def encoded() -> bytes:
        options = {"compression": compression, "tiffinfo": tags}
        return written_by_pillow(picture_of(canvas), "TIFF", options)

    return Photograph("tiff", (canvas,), "samples", encoded, tuple(notes), data)
