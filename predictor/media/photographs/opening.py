"""Any photograph opened for changes, by what its content is and not by its name."""

from dataclasses import replace
from pathlib import Path

from predictor.errors import UnreadableImage
from predictor.media.photographs.conversion import open_converted
from predictor.media.photographs.formats import open_other
from predictor.media.photographs.header import Header, file_content, header_of
from predictor.media.photographs.jpeg_file import open_jpeg
from predictor.media.photographs.photograph import MOST_PIXELS, Photograph, Saving
from predictor.media.photographs.png import open_png
from predictor.media.photographs.tiff_file import open_tiff
from predictor.media.photographs.webp import is_lossy_webp, open_webp

_AS_IT_WAS = Saving()
_LOSSY = ("jpeg", "avif", "heif")


def open_photograph(
    path: Path, saving: Saving = _AS_IT_WAS, most_pixels: int = MOST_PIXELS
) -> Photograph:
    """Return the photograph `path`, to be written as `saving` says.

    Raises `UnreadableImage` for a file that is missing, empty, cut off, damaged, animated, of more
    than `most_pixels`, or of a kind that cannot be written.
    """
    data = file_content(path)
    header = header_of(data, path, most_pixels)
    name = str(path)
    is_converted = saving.format not in ("keep", header.format)
    if header.frames > 1 and (header.format != "tiff" or is_converted):
        kind = "pages" if header.format == "tiff" else "frames: it is animated"
        raise UnreadableImage(f"{name} has {header.frames} {kind}, expected one picture")
    photograph = (
        open_converted(data, header, name, saving)
        if is_converted
        else _as_it_was(data, header, name, saving.quality)
    )
    is_lossy = header.format in _LOSSY or (header.format == "webp" and is_lossy_webp(data, name))
    return replace(photograph, is_lossy=is_lossy)


def _as_it_was(data: bytes, header: Header, name: str, quality: int | None) -> Photograph:
    match header.format:
        case "jpeg":
            return open_jpeg(data, header, name, quality)
        case "webp":
            return open_webp(data, header, name, quality)
        case "png":
            return open_png(data, header, name)
        case "tiff":
            return open_tiff(data, header, name)
    return open_other(data, header, name, quality)
