"""Pictures that are masks: how bright each pixel is, and from where on it counts as missing."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageOps

from predictor.media.photographs.header import decoded, file_content, header_of
from predictor.media.photographs.photograph import MOST_PIXELS

MISSING_FROM = 0.5
"""Brightness from which on a pixel is missing."""

_WITH_OPACITY = ("RGBA", "LA", "PA")


def mask_brightness(path: Path, most_pixels: int = MOST_PIXELS) -> npt.NDArray[np.float32]:
    """Return the brightness ``(H, W)``, from 0 to 1, of the picture `path`, upright.

    Transparent parts count as black. Raises `UnreadableImage`, also for more than `most_pixels`.
    """
    picture = header_of(file_content(path), path, most_pixels).picture
    decoded(picture, str(path))
    PIL.ImageOps.exif_transpose(picture, in_place=True)
    if picture.mode == "I" or picture.mode.startswith("I;16"):  # "I": of a PGM file, for one
        return np.asarray(picture, np.float32) / np.float32(65535)
    if picture.mode in _WITH_OPACITY or "transparency" in picture.info:
        with_opacity = picture.convert("RGBA")
        picture = PIL.Image.new("RGBA", picture.size, "black")
        picture.alpha_composite(with_opacity)
    return np.asarray(picture.convert("L"), np.float32) / np.float32(255)
