"""Photographs written in another format than their own, when that is asked for."""

import contextlib
import io
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import PIL.Image
import PIL.ImageCms

from predictor.errors import OutputNotWritten
from predictor.media.photographs.about import About
from predictor.media.photographs.canvas import RasterCanvas
from predictor.media.photographs.colour_models import (
    BlackAndWhite,
    Cmyk,
    Grey,
    Palette,
    Rgb,
    Stored,
    fractions,
    levels,
)
from predictor.media.photographs.formats import (
    decoded_canvas,
    stored_depth,
    written_by_pillow,
)
from predictor.media.photographs.header import Header
from predictor.media.photographs.orientation import as_stored
from predictor.media.photographs.photograph import Keeps, Photograph, Saving
from predictor.media.photographs.png import with_chunks_of
from predictor.media.photographs.raster import deep_encoded, picture_of
from predictor.media.photographs.tiff_coding import (
    EMPTY_TIFF,
    ZIP,
    byte_order,
    encoded_strip,
    one_strip_file,
    whole_entries,
)

_JPEG_QUALITY = 95
_LOSSLESS_EFFORT = 75
_HORIZONTAL = 2
_NO_CMYK = ("png", "webp")
_EIGHT_BITS = ("jpeg", "webp")
_LONGEST_SIDE_PX = {"jpeg": 65_500, "webp": 16_383}
_MOST_SAID_BYTES = 65_500
"""In a segment of JPEG: 65533 with the name of what it says."""


def open_converted(data: bytes, header: Header, name: str, saving: Saving) -> Photograph:
    """Return the file `data` as a photograph that is written in the format of `saving`.

    Known colours keep their values in PNG, TIFF and, without a quality, WebP, as far as the format
    has that depth; what it does not have is said in the notes. A palette becomes RGB, so that a
    hole can be filled with any colour. Raises `UnreadableImage` for a damaged file, and
    `OutputNotWritten` for a picture too large for the format.
    """
    target, notes = saving.format, [f"written as {saving.format.upper()}"]
    height, width = header.size
    if max(header.size) > _LONGEST_SIDE_PX.get(target, max(header.size)):
        raise OutputNotWritten(
            f"{name} is {width}x{height}, and {target.upper()} has sides of at most "
            f"{_LONGEST_SIDE_PX[target]}; --format png or tiff has room"
        )
    canvas, said = decoded_canvas(data, header, name)
    is_lossy = target == "jpeg" or (target == "webp" and saving.quality is not None)
    canvas = _without_numbers(canvas)
    bits = stored_depth(data, header)
    if bits > canvas.bit_depth:
        notes.append(f"{bits} bits a channel are written with {canvas.bit_depth}")
        is_lossy = True
    if isinstance(canvas.model, Cmyk) and target in _NO_CMYK:
        canvas, by_profile = _as_rgb(canvas, said.profile)
        how = "by its profile" if by_profile else "without a profile of its inks"
        notes.append(f"{target.upper()} has no CMYK: converted to sRGB {how}")
        said, is_lossy = said.without_profile(), True
    if target in _EIGHT_BITS and canvas.bit_depth == 16:
        notes.append("16 bits a channel are written with 8")
        canvas, is_lossy = _with_eight_bits(canvas), True
    if target != "png" and isinstance(canvas.model, BlackAndWhite):
        canvas = _as_grey(canvas)
    if target == "jpeg":
        if canvas.has_alpha:
            notes.append("JPEG has no transparency: white takes its place")
        said, too_long = said.within(_MOST_SAID_BYTES)
        notes += [f"{what} is left out: JPEG has room for 64 kB of it" for what in too_long]
    if target == "tiff" and said.exif is not None and said.exif_directory is None:
        notes.append("EXIF is left out: it is damaged")
    else:
        notes += said.carried
    if target == "tiff" and not whole_entries(said.exif_directory or EMPTY_TIFF)[1]:
        notes.append("EXIF is damaged: what is whole of it is kept")
    keeps: Keeps = "nothing" if is_lossy else "samples"

    def encoded() -> bytes:
        return _ENCODERS[target](canvas, said, saving.quality)

    return Photograph(target, (canvas,), keeps, encoded, tuple(notes), data)


def _without_numbers(canvas: RasterCanvas) -> RasterCanvas:
    """Return a canvas whose colours and opacity are samples, not a palette or a key."""
    if isinstance(canvas.model, Palette):
        return _with_palette_looked_up(canvas, canvas.model)
    hidden = None if canvas.has_alpha else canvas.transparent()
    if hidden is None:
        return RasterCanvas(canvas.samples, canvas.model, canvas.has_alpha, canvas.orientation)
    if isinstance(canvas.model, BlackAndWhite):
        canvas = _as_grey(canvas)
    most = np.iinfo(canvas.samples.dtype).max
    opacity = np.where(as_stored(hidden, canvas.orientation), 0, most).astype(canvas.samples.dtype)
    samples = np.concatenate([canvas.samples, opacity[..., None]], axis=2)
    return RasterCanvas(samples, canvas.model, True, canvas.orientation)


def _with_palette_looked_up(canvas: RasterCanvas, palette: Palette) -> RasterCanvas:
    numbers = canvas.samples[..., :1]
    samples: Stored = levels(palette.rgb(numbers), np.empty(0, np.uint8))
    opacity = canvas.samples[..., 1:] if canvas.has_alpha else None
    if opacity is None and (palette.opacity < 255).any():
        table = np.full(np.iinfo(numbers.dtype).max + 1, 255, np.uint8)
        table[: len(palette.opacity)] = palette.opacity
        opacity = table[numbers]
    if opacity is not None:
        samples = np.concatenate([samples, opacity], axis=2)
    return RasterCanvas(samples, Rgb(), opacity is not None, canvas.orientation)


def _as_grey(canvas: RasterCanvas) -> RasterCanvas:
    """Return black and white as grey of 8 bits."""
    return RasterCanvas(canvas.samples * 255, Grey(), orientation=canvas.orientation)


def _as_rgb(canvas: RasterCanvas, profile: bytes | None) -> tuple[RasterCanvas, bool]:
    """Return CMYK as sRGB, and whether by its profile."""
    picture = picture_of(canvas)
    converted: PIL.Image.Image | None = None
    with contextlib.suppress(PIL.ImageCms.PyCMSError, OSError):  # one of other colours, or damaged
        source = PIL.ImageCms.ImageCmsProfile(io.BytesIO(profile or b""))
        converted = PIL.ImageCms.profileToProfile(
            picture, source, PIL.ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    samples = np.array(converted or picture.convert("RGB"))
    return RasterCanvas(samples, Rgb(), orientation=canvas.orientation), converted is not None


def _with_eight_bits(canvas: RasterCanvas) -> RasterCanvas:
    samples = levels(fractions(canvas.samples), np.empty(0, np.uint8))
    return RasterCanvas(samples, canvas.model, canvas.has_alpha, canvas.orientation)


def _as_png(canvas: RasterCanvas, said: About, quality: int | None) -> bytes:
    options = said.options("icc_profile", "exif", "dpi")
    if canvas.bit_depth == 8 or canvas.samples.shape[2] == 1:
        return written_by_pillow(picture_of(canvas), "PNG", options)
    # Pillow writes the chunks, round samples that it could not write.
    carrier = written_by_pillow(PIL.Image.new("RGB", (1, 1)), "PNG", options)
    return with_chunks_of(carrier, deep_encoded(canvas, ".png"))


def _as_jpeg(canvas: RasterCanvas, said: About, quality: int | None) -> bytes:
    if canvas.has_alpha:
        opacity = fractions(canvas.samples[..., -1:])
        colours = 1 + opacity * (fractions(canvas.samples[..., :-1]) - 1)
        canvas = RasterCanvas(levels(colours, canvas.samples), canvas.model)
    options = said.options("icc_profile", "exif", "xmp", "dpi", "comment")
    options |= {"quality": quality or _JPEG_QUALITY, "subsampling": 0}
    return written_by_pillow(picture_of(canvas), "JPEG", options)


def _as_webp(canvas: RasterCanvas, said: About, quality: int | None) -> bytes:
    options = said.options("icc_profile", "exif", "xmp") | {"exact": True}
    if quality is None:
        options |= {"lossless": True, "quality": _LOSSLESS_EFFORT}
    else:
        options |= {"quality": quality}
    return written_by_pillow(picture_of(canvas), "WEBP", options)


def _as_tiff(canvas: RasterCanvas, said: About, quality: int | None) -> bytes:
    height, width, count = canvas.samples.shape
    kinds = {Rgb: 2, Cmyk: 5}
    samples = canvas.samples
    tags: dict[int, int | tuple[int, ...] | bytes | Fraction] = {
        258: (8 * samples.dtype.itemsize,) * count,
        259: ZIP,
        262: kinds.get(type(canvas.model), 1),
        274: canvas.orientation,
        277: count,
        317: _HORIZONTAL,
    }
    if canvas.has_alpha:
        tags[338] = 2
    if said.profile is not None:
        tags[34675] = said.profile
    if said.xmp is not None:
        tags[700] = said.xmp
    if said.resolution is not None:
        across, down = (Fraction(value).limit_denominator(1000) for value in said.resolution)
        tags |= {282: across, 283: down, 296: 2}
    front = said.exif_directory or EMPTY_TIFF
    dtype = samples.dtype.newbyteorder(byte_order(front))
    strip = encoded_strip(samples, dtype, ZIP, _HORIZONTAL)
    return one_strip_file(strip, (height, width), tags, front)


_ENCODERS: dict[str, Callable[[RasterCanvas, About, int | None], bytes]] = {
    "png": _as_png,
    "jpeg": _as_jpeg,
    "webp": _as_webp,
    "tiff": _as_tiff,
}
