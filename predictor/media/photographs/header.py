"""What a file says it is, before its pixels are decoded: format, size, orientation, frames."""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import PIL.Image

from predictor.errors import UnreadableImage
from predictor.media.damage import DAMAGED, not_whole
from predictor.media.heif import require_decoder
from predictor.media.photographs.orientation import TAG, UPRIGHT, known_orientation
from predictor.media.photographs.pillow_limit import pillow_without_limit
from predictor.media.photographs.tiff import TiffFile

_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_RAW_SUFFIXES = frozenset(
    {".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".raf", ".rw2", ".pef", ".srw", ".x3f"}
)


@dataclass(frozen=True)
class Header:
    """The opened but undecoded `picture`, with what is needed to choose how to read it."""

    picture: PIL.Image.Image
    format: str
    """As Pillow calls it, in lower case; a JPEG with further pictures is ``jpeg``."""
    size: tuple[int, int]
    """Stored ``(height, width)``."""
    orientation: int
    frames: int


def file_content(path: Path) -> bytes:
    """Return the bytes of the file `path`. Raises `UnreadableImage` where there are none."""
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        reason = "is a link to nothing" if path.is_symlink() else "does not exist"
        raise UnreadableImage(f"{path} {reason}") from error
    except OSError as error:
        raise UnreadableImage(f"{path} cannot be read: {error.strerror}") from error
    if not data:
        raise UnreadableImage(f"{path} is empty, expected a picture")
    return data


def header_of(data: bytes, path: Path, most_pixels: int) -> Header:
    """Return what the file `data`, called `path`, says it is.

    Raises `UnreadableImage` for what is no picture, for a camera's raw file, for HEIC without its
    extra, and for more than `most_pixels`.
    """
    if path.suffix.lower() in _RAW_SUFFIXES:
        raise UnreadableImage(f"{path} is a camera's raw file; develop it to TIFF or JPEG first")
    require_decoder(data, path)
    picture = _opened(data, path)
    width, height = picture.size
    if width * height > most_pixels:
        raise UnreadableImage(
            f"{path} has {width}x{height} = {width * height / 1e6:.0f} megapixels, expected at "
            f"most {most_pixels / 1e6:.0f}; --max-megapixels raises the limit"
        )
    scale_key(picture, data)
    kind = (picture.format or "").lower()
    return Header(
        picture=picture,
        format="jpeg" if kind == "mpo" else kind,
        size=(height, width),
        orientation=_orientation(picture),
        frames=1 if kind in ("mpo", "jpeg") else _frames(picture, path),
    )


def scale_key(picture: PIL.Image.Image, data: bytes) -> None:
    """Let the grey that stands for transparency in the PNG `data` be a grey of `picture`.

    Pillow widens samples of 2 and 4 bits to 8, and not the key that they are compared with.
    """
    key = picture.info.get("transparency")
    if picture.format == "PNG" and picture.mode == "L" and isinstance(key, int):
        most = (1 << data[24]) - 1
        picture.info["transparency"] = (key & most) * (255 // most)


def _orientation(picture: PIL.Image.Image) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return known_orientation(picture.getexif().get(TAG, UPRIGHT))
        except DAMAGED:  # its metadata; the picture may be whole
            return UPRIGHT


def _frames(picture: PIL.Image.Image, path: Path) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return int(getattr(picture, "n_frames", 1))
        except DAMAGED as error:
            raise not_whole(path, error) from error


def decoded(picture: PIL.Image.Image, name: str) -> None:
    """Decode `picture`. Raises `UnreadableImage` if it is damaged or cut off."""
    try:
        with pillow_without_limit():  # which it also holds TIFF files to when it decodes them
            picture.load()
    except DAMAGED as error:
        raise not_whole(name, error) from error


def _opened(data: bytes, path: Path) -> PIL.Image.Image:
    try:
        with pillow_without_limit():
            return PIL.Image.open(io.BytesIO(data))
    except PIL.UnidentifiedImageError as error:
        if data[:4] in _TIFF_STARTS:
            raise TiffFile(data, str(path)).unread() from error
        raise UnreadableImage(f"{path} is not a picture that can be decoded") from error
    except DAMAGED as error:
        raise not_whole(path, error) from error
