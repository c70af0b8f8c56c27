"""Masks in picture files: one file for all photographs, or a folder with one for each."""

import os
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from predictor.errors import UnreadableImage, UnusableMask
from predictor.media.images import IMAGE_SUFFIXES
from predictor.media.photographs.canvas import Canvas
from predictor.media.photographs.header import file_content, header_of
from predictor.media.photographs.mask import MISSING_FROM, mask_brightness
from predictor.media.photographs.photograph import MOST_PIXELS

Mask = npt.NDArray[np.bool_]

_SUFFIXES = sorted({*IMAGE_SUFFIXES, ".gif"})


def read_mask(path: Path, most_pixels: int = MOST_PIXELS) -> Mask:
    """Return the mask in the picture `path`, upright: white is missing, from half brightness on.

    Transparent parts count as black. Raises `UnusableMask`, also for more than `most_pixels`.
    """
    return np.asarray(_brightness(path, most_pixels) >= MISSING_FROM)


def brightness_range(path: Path) -> tuple[float, float]:
    """Return the brightness of the darkest and the brightest pixel of the mask `path`, 0 to 1.

    The mask has been read before, so that its size needs no check.
    """
    brightness = _brightness(path, sys.maxsize)
    return float(brightness.min()), float(brightness.max())


def has_transparent_parts(path: Path) -> bool:
    """Return whether any pixel of the mask `path`, which has been read before, lets through."""
    picture = header_of(file_content(path), path, sys.maxsize).picture
    if not picture.has_transparency_data:
        return False
    lowest, _ = picture.convert("RGBA").getchannel("A").getextrema()
    return isinstance(lowest, int | float) and lowest < 255


def _brightness(path: Path, most_pixels: int) -> npt.NDArray[np.float32]:
    try:
        return mask_brightness(path, most_pixels)
    except UnreadableImage as error:
        raise UnusableMask(f"mask {error}") from error


@dataclass
class OneMask:
    """One file for all photographs, read once."""

    path: Path
    most_pixels: int = MOST_PIXELS
    _read: Mask | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def file(self, relative: Path) -> Path | None:
        """Return the file."""
        return self.path

    def mask(self, relative: Path, canvas: Canvas, is_lossy: bool) -> Mask:
        """Return the mask."""
        return self.read()

    def read(self) -> Mask:
        """Return the mask. Raises `UnusableMask`."""
        with self._lock:
            if self._read is None:
                self._read = read_mask(self.path, self.most_pixels)
        return self._read


@dataclass(frozen=True)
class FolderOfMasks:
    """A folder with a mask for each photograph: at the same place below it, else of its stem.

    For ``trip/a.jpg`` that is ``trip/a.jpg`` or ``trip/a.png`` and other pictures, then ``a.jpg``
    or ``a.png`` in the folder itself.
    """

    folder: Path
    most_pixels: int = MOST_PIXELS

    def file(self, relative: Path) -> Path | None:
        """Return the mask's file. Raises `UnusableMask` for none, and for several at one place."""
        for place in dict.fromkeys((self.folder / relative, self.folder / relative.name)):
            if os.path.isfile(place):
                return place
            found = self._with_stem(place)
            if len(found) > 1:
                names = " and ".join(path.name for path in found[:2])
                raise UnusableMask(f"{names} in {place.parent} could both be its mask")
            if found:
                return found[0]
        stem = relative.with_suffix("")
        raise UnusableMask(f"no mask in {self.folder} (looked for {stem}.png and others)")

    def mask(self, relative: Path, canvas: Canvas, is_lossy: bool) -> Mask:
        """Return the mask."""
        path = self.file(relative)
        assert path is not None
        return read_mask(path, self.most_pixels)

    def _with_stem(self, place: Path) -> list[Path]:
        names = (f"{place.stem}{end}" for suffix in _SUFFIXES for end in (suffix, suffix.upper()))
        found: dict[tuple[int, int], Path] = {}  # on some systems both cases name one file
        for path in map(place.with_name, names):
            if os.path.isfile(path):
                about = path.stat()
                found.setdefault((about.st_dev, about.st_ino), path)
        return list(found.values())
