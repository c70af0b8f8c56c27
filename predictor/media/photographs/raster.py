"""Decoded pictures: from Pillow's modes and OpenCV's arrays to canvases and back."""

from typing import cast

import cv2
import numpy as np
import numpy.typing as npt
import PIL.Image

from predictor.errors import UnreadableImage
from predictor.media.images import decoded_by_opencv
from predictor.media.photographs.canvas import RasterCanvas
from predictor.media.photographs.colour_models import (
    BlackAndWhite,
    Cmyk,
    ColourModel,
    Grey,
    Palette,
    Rgb,
    Stored,
)

_MODES: dict[str, tuple[ColourModel, bool]] = {
    "1": (BlackAndWhite(), False),
    "L": (Grey(), False),
    "LA": (Grey(), True),
    "I;16": (Grey(), False),
    "I;16B": (Grey(), False),
    "RGB": (Rgb(), False),
    "RGBA": (Rgb(), True),
    "CMYK": (Cmyk(), False),
}
"""Pillow's modes: what the samples mean, and whether the last one is opacity."""

_CONVERTED = {
    "RGBX": "RGB",
    "RGBa": "RGBA",
    "La": "LA",
    "PA": "RGBA",
    "YCbCr": "RGB",
}


def raster_canvas(picture: PIL.Image.Image, orientation: int, name: str) -> RasterCanvas:
    """Return a canvas of the decoded `picture` in its own mode.

    Raises `UnreadableImage`, which says `name`, for samples that are not of 8 or 16 bits.
    """
    if picture.mode in _CONVERTED:
        picture = picture.convert(_CONVERTED[picture.mode])
    key = picture.info.get("transparency")
    if picture.mode == "P":
        samples = np.array(picture)[..., None]
        return RasterCanvas(samples, _palette(picture, key), orientation=orientation)
    if picture.mode not in _MODES:
        raise UnreadableImage(
            f"{name} has samples of Pillow's mode {picture.mode}, expected grey, RGB, palette or "
            "CMYK of 8 or 16 bits"
        )
    model, has_alpha = _MODES[picture.mode]
    samples = np.array(picture)
    kind = np.uint8 if samples.dtype == bool else samples.dtype.newbyteorder("=")
    samples = samples.astype(kind, copy=False)
    if samples.ndim == 2:
        samples = samples[..., None]
    colour_key = None
    if key is not None and not has_alpha:
        colour_key = tuple(key) if isinstance(key, tuple) else (int(key),)
        if isinstance(model, BlackAndWhite):  # which Pillow's key calls 0 and 255
            colour_key = (int(colour_key[0] > 0),)
        if len(colour_key) != model.channels:
            colour_key = None
    return RasterCanvas(samples, model, has_alpha, orientation, colour_key)


def deep_canvas(data: bytes, orientation: int, name: str) -> RasterCanvas:
    """Return a canvas of a picture with 16 bits in colour, which Pillow would read as 8.

    Grey with opacity becomes RGB with opacity. Raises `UnreadableImage`.
    """
    pixels = decoded_by_opencv(data, cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype not in (np.uint8, np.uint16):
        raise UnreadableImage(f"{name} is not a picture that can be decoded")
    samples = cast(Stored, pixels)
    if samples.ndim == 2:
        return RasterCanvas(samples[..., None], Grey(), orientation=orientation)
    has_alpha = samples.shape[2] == 4
    order = cv2.COLOR_BGRA2RGBA if has_alpha else cv2.COLOR_BGR2RGB
    samples = cast(Stored, cv2.cvtColor(samples, order))
    return RasterCanvas(samples, Rgb(), has_alpha, orientation)


def deep_encoded(canvas: RasterCanvas, suffix: str) -> bytes:
    """Return the samples of `canvas` as a file of the kind `suffix`, by OpenCV."""
    samples = canvas.samples
    if samples.shape[2] >= 3:
        order = cv2.COLOR_RGBA2BGRA if canvas.has_alpha else cv2.COLOR_RGB2BGR
        samples = cast(Stored, cv2.cvtColor(samples, order))
    _, encoded = cv2.imencode(suffix, samples)
    return encoded.tobytes()


def picture_of(canvas: RasterCanvas) -> PIL.Image.Image:
    """Return the samples of `canvas` as a picture of Pillow, as they are stored.

    RGB of 16 bits becomes 8 bits: the nearest level.
    """
    samples, model = canvas.samples, canvas.model
    if isinstance(model, Palette):
        picture = PIL.Image.fromarray(np.ascontiguousarray(samples[..., 0]))
        picture.putpalette(np.ascontiguousarray(model.colours).tobytes())
        return picture
    if isinstance(model, BlackAndWhite):
        return PIL.Image.fromarray(samples[..., 0].astype(bool))
    if isinstance(model, Grey) and not canvas.has_alpha:
        return PIL.Image.fromarray(np.ascontiguousarray(samples[..., 0]))
    if samples.dtype == np.uint16:
        samples = eight_bits(samples)
    samples = np.ascontiguousarray(samples)
    if isinstance(model, Cmyk):  # four samples would be taken for RGB with opacity
        height, width = samples.shape[:2]
        return PIL.Image.frombytes("CMYK", (width, height), samples.tobytes())
    return PIL.Image.fromarray(samples)


def eight_bits(samples: Stored) -> npt.NDArray[np.uint8]:
    """Return samples of 16 bits as the nearest levels of 8."""
    return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _palette(picture: PIL.Image.Image, key: object) -> Palette:
    colours = np.array(picture.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
    opacity = np.full(len(colours), 255, np.uint8)
    if isinstance(key, bytes):
        said = np.frombuffer(key, np.uint8)[: len(colours)]
        opacity[: len(said)] = said
    elif isinstance(key, int) and key < len(colours):
        opacity[key] = 0
    return Palette(colours, opacity)
