"""Opening and writing JPEG photographs: by their blocks, or encoded again with their own tables."""

import io
from typing import Any

import PIL.JpegImagePlugin

from predictor.media.photographs.about import THUMBNAIL_KEPT, shows_picture
from predictor.media.photographs.canvas import RasterCanvas
from predictor.media.photographs.coefficients import Coefficients, CoefficientsUnavailable
from predictor.media.photographs.header import Header, decoded
from predictor.media.photographs.jpeg import JpegCanvas, is_ycc
from predictor.media.photographs.photograph import Photograph
from predictor.media.photographs.raster import picture_of, raster_canvas
from predictor.media.photographs.segments import JpegFile, parsed_jpeg

_PROGRESSIVE = (0xC2, 0xCA)


def open_jpeg(data: bytes, header: Header, name: str, quality: int | None) -> Photograph:
    """Return the JPEG `data` as a photograph whose untouched blocks stay.

    With `quality`, or where its blocks cannot be opened, it is encoded again; a note says so.
    Raises `UnreadableImage` for a damaged file.
    """
    file = parsed_jpeg(data, name)
    if quality is not None:
        note = f"encoded again with quality {quality}, as asked for"
        return _encoded_again(data, file, header, name, quality, note)
    try:
        coefficients = Coefficients(data, file)
        canvas = JpegCanvas(coefficients, header.orientation)
    except CoefficientsUnavailable as error:
        note = f"encoded again with its own tables: {error}"
        return _encoded_again(data, file, header, name, None, note)

    def encoded() -> bytes:
        return file.with_picture(coefficients.encoded())

    return Photograph("jpeg", (canvas,), "blocks", encoded, _carried(file), data)


def _encoded_again(
    data: bytes, file: JpegFile, header: Header, name: str, quality: int | None, note: str
) -> Photograph:
    decoded(header.picture, name)
    canvas = raster_canvas(header.picture, header.orientation, name)
    options: dict[str, Any] = {
        "subsampling": PIL.JpegImagePlugin.get_sampling(header.picture),
        "progressive": file.frame in _PROGRESSIVE,
        "keep_rgb": len(file.components) == 3 and not is_ycc(file),
    }
    if quality is None:
        options["qtables"] = header.picture.quantization  # type: ignore[attr-defined] # of a JPEG
    else:
        options["quality"] = quality

    def encoded() -> bytes:
        return file.with_picture(parsed_jpeg(_by_pillow(canvas, options), "the picture written"))

    return Photograph("jpeg", (canvas,), "nothing", encoded, (note, *_carried(file)), data)


def _by_pillow(canvas: RasterCanvas, options: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    picture_of(canvas).save(stream, "JPEG", **options)
    return stream.getvalue()


def _carried(file: JpegFile) -> tuple[str, ...]:
    """Return what in the file still shows the picture as it was."""
    shown = []
    if any(shows_picture(segment.content) for segment in file.head if segment.is_about):
        shown.append(THUMBNAIL_KEPT)
    if b"\xff\xd8\xff" in file.trailer:
        shown.append("a further picture behind the first is kept and may still show what was there")
    return tuple(shown)
