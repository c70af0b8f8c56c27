"""Compare a written photograph with its source: are the known pixels the same?"""

import contextlib
import io
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import PIL.Image

from pipelines.inpaint.masks import Mask
from predictor.media.images import decoded_by_opencv
from predictor.media.netpbm_head import netpbm_head, of_full_range
from predictor.media.photographs.canvas import RasterCanvas
from predictor.media.photographs.coefficients import BLOCK, Coefficients
from predictor.media.photographs.header import scale_key
from predictor.media.photographs.orientation import UPRIGHT, as_stored, displayed
from predictor.media.photographs.pillow_limit import pillow_without_limit
from predictor.media.photographs.raster import eight_bits, picture_of
from predictor.media.photographs.segments import parsed_jpeg
from predictor.media.photographs.tiff import TiffFile, UnusualTiff

Pixels = npt.NDArray[Any]


@dataclass(frozen=True)
class Verification:
    """What was found when source and output were read again."""

    known_pixels: int
    changed_pixels: int
    """Of the known ones; next to a hole in JPEG some differ, since they share its blocks."""
    largest_difference: int
    """Of a known sample, in levels of the file."""
    kept_blocks: int | None = None
    """JPEG: blocks of all components that no hole touches."""
    changed_blocks: int | None = None
    """Of those; 0 unless the picture was encoded again."""

    def as_json(self) -> dict[str, int | None]:
        """Return what `json.dump` takes."""
        return asdict(self)


def verified(
    source: bytes, written: bytes, missing: Mask, orientation: int = UPRIGHT
) -> Verification:
    """Return how the known pixels of two files of the same stored size compare.

    `missing` ``(H, W)`` is that of the displayed picture. Decoded by Pillow, or by OpenCV where
    there are 16 bits in colour, not by the readers that made the output; TIFF files, of which both
    misread some kinds, by this project's reader where it can.
    """
    before, after = (_displayed(data, orientation) for data in (source, written))
    if (before.shape, before.dtype) != (after.shape, after.dtype):  # of another format
        before, after = (_displayed(data, orientation, as_rgba=True) for data in (source, written))
    difference = np.abs(before.astype(np.int32) - after.astype(np.int32))
    if difference.ndim == 3:
        difference = difference.max(axis=2)
    difference = difference[~missing]
    blocks = _blocks(source, written, as_stored(missing, orientation))
    return Verification(
        known_pixels=int(difference.size),
        changed_pixels=int(np.count_nonzero(difference)),
        largest_difference=int(difference.max(initial=0)),
        kept_blocks=None if blocks is None else blocks[0],
        changed_blocks=None if blocks is None else blocks[1],
    )


def _displayed(data: bytes, orientation: int, as_rgba: bool = False) -> Pixels:
    """Return the samples ``(H, W, C)`` of a picture as it is displayed.

    They are the file's own, or with `as_rgba` RGB and opacity of 8 bits.
    """
    page = _tiff_page(data)
    if page is not None:
        return _rgba(picture_of(page), page.samples) if as_rgba else page.samples
    with pillow_without_limit(), PIL.Image.open(io.BytesIO(data)) as picture:
        scale_key(picture, data)
        # YCbCr, in a TIFF file, becomes RGB.
        pixels = np.array(picture.convert("RGB") if picture.mode == "YCbCr" else picture)
        if picture.mode == "I" and picture.format == "PPM":  # wider than the file
            pixels = pixels.astype(np.uint16)
        if picture.format in ("PNG", "TIFF", "PPM") and pixels.ndim == 3:
            pixels = _with_16_bits(data, pixels)
        pixels = np.atleast_3d(pixels)
        pixels = _rgba(picture, pixels) if as_rgba else pixels
        is_turned = picture.format == "TIFF"  # while it is decoded, by Pillow and by OpenCV
    return pixels if is_turned else displayed(pixels, orientation)


def _tiff_page(data: bytes) -> RasterCanvas | None:
    """Return the first page of a TIFF file of a kind that this project reads, else None."""
    if data[:2] not in (b"II", b"MM"):
        return None
    with contextlib.suppress(UnusualTiff):
        return TiffFile(data, "the picture").pages[0].plain_canvas()
    return None


def _with_16_bits(data: bytes, pixels: Pixels) -> Pixels:
    """Return the picture with 16 bits a channel if it has them, else `pixels`."""
    flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    deep = decoded_by_opencv(data, flags)
    if deep is None or deep.dtype != np.uint16:
        return pixels
    head = netpbm_head(data)
    if head is not None:
        deep = of_full_range(deep, head.most)
    return np.asarray(deep[..., [2, 1, 0, 3][: deep.shape[2]]])


def _rgba(picture: PIL.Image.Image, pixels: Pixels) -> Pixels:
    if pixels.dtype != np.uint16 or picture.mode == "CMYK":
        return np.array(picture.convert("RGBA"))
    # Pillow would clip or cut these, and forget the grey that stands for transparency.
    shown = eight_bits(pixels)
    shown = shown[..., 0] if shown.shape[2] == 1 else shown
    rgba = np.array(PIL.Image.fromarray(shown).convert("RGBA"))
    key = picture.info.get("transparency")
    if isinstance(key, int):
        rgba[(pixels == key).all(axis=2), 3] = 0
    return rgba


def _blocks(source: bytes, written: bytes, is_hole: Mask) -> tuple[int, int] | None:
    """Return how many blocks no hole touches, and how many of them differ; None if not JPEG."""
    if not (source[:2] == written[:2] == b"\xff\xd8"):
        return None
    files = [parsed_jpeg(data, "the picture") for data in (source, written)]
    if files[0].components != files[1].components or not all(f.is_transcodable for f in files):
        return None
    before, after = (Coefficients(d, f) for d, f in zip((source, written), files, strict=True))
    across = max(component.horizontal for component in files[0].components)
    down = max(component.vertical for component in files[0].components)
    kept = changed = 0
    for number, component in enumerate(files[0].components):
        old, new = before.blocks(number), after.blocks(number)
        height, width = BLOCK * down // component.vertical, BLOCK * across // component.horizontal
        rows, columns = old.shape[:2]
        room = np.zeros((rows * height, columns * width), bool)
        room[: is_hole.shape[0], : is_hole.shape[1]] = is_hole[: room.shape[0], : room.shape[1]]
        touched = room.reshape(rows, height, columns, width).any(axis=(1, 3))
        differs = (old != new).any(axis=(2, 3)) & ~touched
        kept += int(touched.size - touched.sum())
        changed += int(differs.sum())
    return kept, changed
