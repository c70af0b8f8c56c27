"""Which pixels of a photograph are missing: from files, its transparency, a colour, or a box.

A mask is ``(H, W)`` bool, True where a pixel is missing, of the photograph as it is displayed.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from pipelines.inpaint.mask_files import (
    FolderOfMasks,
    OneMask,
    brightness_range,
    has_transparent_parts,
)
from predictor.errors import SettingsError, UnusableMask
from predictor.media.photographs.canvas import Canvas
from predictor.media.photographs.photograph import MOST_PIXELS

Mask = npt.NDArray[np.bool_]
Weights = npt.NDArray[np.float32] | Mask

MUCH = 0.5
"""A mask of more than this part of the photograph is probably inverted, which a warning says."""

_LOSSY_TOLERANCE = 40
_KINDS = "a file, a folder, alpha, color:#RRGGBB, box:X,Y,WIDTH,HEIGHT or center:PART"
_NUMBER = r"(\d+(?:\.\d+)?)(%?)"
_BOX = re.compile(rf"box:{_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER}")
_COLOUR = re.compile(r"color:#([0-9a-fA-F]{6})(?:,(\d+))?")
_CENTRE = re.compile(r"center:(0?\.\d+|1(?:\.0*)?)")


class Masks(Protocol):
    """Where the masks of photographs come from."""

    def file(self, relative: Path) -> Path | None:
        """Return the file with the mask of the photograph `relative` below its folder, if any.

        Raises `UnusableMask` where there should be one.
        """

    def mask(self, relative: Path, canvas: Canvas, is_lossy: bool) -> Mask:
        """Return the mask of a photograph, in the size of the mask. Raises `UnusableMask`.

        `is_lossy` says that the photograph was read from a file that keeps colours only nearly.
        """


@dataclass(frozen=True)
class MaskSettings:
    """What is done with a mask before it is used."""

    is_inverted: bool = False
    """Black is missing instead of white."""
    is_resized: bool = False
    """A mask of another size is stretched, instead of being an error."""
    dilate_px: int = 0
    feather_px: int = 0

    def __post_init__(self) -> None:
        for name, value in (("dilate", self.dilate_px), ("feather", self.feather_px)):
            if value < 0:
                raise SettingsError(f"--{name} is {value} pixels, expected 0 or more")


def parsed_masks(text: str, most_pixels: int = MOST_PIXELS) -> Masks:
    """Return the masks that `text`, the value of ``--mask``, means; larger files are not opened.

    Raises `SettingsError` for what means none and for a file that is not there.
    """
    if not text:
        raise SettingsError(f"--mask is empty, expected {_KINDS}")
    if text == "alpha":
        return Transparency()
    if match := _COLOUR.fullmatch(text):
        tolerance = None if match[2] is None else int(match[2])
        return _Colour(tuple(bytes.fromhex(match[1])), tolerance)
    if match := _BOX.fullmatch(text):
        parts = [(float(match[n]), match[n + 1] == "%") for n in range(1, 8, 2)]
        if 0 in (parts[2][0], parts[3][0]):
            raise SettingsError(f"--mask {text} is a box without a pixel")
        return _Rectangle(text, *parts)
    if match := _CENTRE.fullmatch(text):
        side = 100 * float(match[1])
        start = (100 - side) / 2
        return _Rectangle(text, (start, True), (start, True), (side, True), (side, True))
    path = Path(text)
    if os.path.isdir(path):
        return FolderOfMasks(path, most_pixels)
    if os.path.exists(path):
        return OneMask(path, most_pixels)
    if text.split(":")[0] in ("alpha", "color", "box", "center"):
        raise SettingsError(f"--mask is {text!r}, expected {_KINDS}")
    raise SettingsError(f"--mask {text}: no such file or folder; expected {_KINDS}")


def files_read(masks: Masks, picture: Path, relative: Path) -> list[Path]:
    """Return the files that filling `picture` reads, none of which its output may replace.

    They are itself and its mask, if that is in a file; one that is not there is met later.
    """
    with contextlib.suppress(UnusableMask):
        mask = masks.file(relative)
        return [picture] if mask is None else [picture, mask]
    return [picture]


def hole_weights(
    masks: Masks,
    picture: Path,
    relative: Path,
    canvas: Canvas,
    settings: MaskSettings,
    is_lossy: bool,
) -> tuple[Weights, tuple[str, ...]]:
    """Return with which weight each pixel of `canvas` is replaced, see `grown`, and warnings.

    `relative` is where masks in a folder are looked for. Raises `UnusableMask`, which names
    `picture`, the file that `canvas` is of.
    """
    with naming(picture):
        missing, warnings = missing_pixels(masks, relative, canvas, settings, is_lossy)
        return grown(missing, settings), warnings


@contextlib.contextmanager
def naming(picture: Path) -> Iterator[None]:
    """Let an `UnusableMask` begin with the name of the `picture` whose mask it is about."""
    try:
        yield
    except UnusableMask as error:
        raise UnusableMask(f"{picture}: {error}") from error


def missing_pixels(
    masks: Masks, relative: Path, canvas: Canvas, settings: MaskSettings, is_lossy: bool
) -> tuple[Mask, tuple[str, ...]]:
    """Return which pixels of `canvas` are missing, and warnings.

    They are those of the mask before it is grown. Raises `UnusableMask` for a mask that is not
    there, of another size, or of the whole photograph.
    """
    mask = masks.mask(relative, canvas, is_lossy)
    if settings.is_inverted:  # before it shrinks, which keeps the thin strokes of what is missing
        mask = ~mask
    warnings = [] if mask.any() else _why_empty(masks.file(relative), canvas, settings.is_inverted)
    if mask.shape != canvas.size:
        mask, stretched = _fitted(mask, canvas, masks.file(relative), settings)
        warnings += stretched
    part = np.count_nonzero(mask) / mask.size
    if part == 1:
        raise UnusableMask("the mask covers the whole picture; nothing is left of it")
    if part > MUCH:
        other = "without" if settings.is_inverted else "with"
        warnings.append(
            f"the mask covers {part:.0%} of the picture (white is what is filled); "
            f"{other} --invert-mask it covers the rest"
        )
    return mask, tuple(warnings)


def _why_empty(file: Path | None, canvas: Canvas, is_inverted: bool) -> list[str]:
    if file is None:
        return []
    darkest, brightest = brightness_range(file)
    if is_inverted and darkest < 1:
        found = f"too bright: its darkest pixel has {darkest * 255:.0f} of 255, and only pixels "
        found += "below 128 are filled"
    elif not is_inverted and brightest > 0:
        found = f"too dark: its brightest pixel has {brightest * 255:.0f} of 255, and only pixels "
        found += "from 128 on are filled"
    elif not is_inverted and has_transparent_parts(file):
        found = "black: transparent parts count as black, and only white is filled"
        if canvas.transparent() is not None:
            found += "; --mask alpha fills what is transparent in the picture itself"
    else:
        return []
    return [f"{file.name} is {found}"]


def grown(mask: Mask, settings: MaskSettings) -> Weights:
    """Return the weight, in [0, 1], with which each pixel is replaced: `mask` dilated, feathered.

    It is 1 up to `dilate_px` from the mask, falls to 0 over the next `feather_px`; distances are
    Euclidean. If neither is asked for, `mask` itself is returned. Raises `UnusableMask` if the
    grown mask covers all of the picture.
    """
    reach = settings.dilate_px + settings.feather_px
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not reach or not rows.size:
        return mask
    weight = np.zeros(mask.shape, np.float32)
    inside = (
        slice(max(0, rows[0] - reach), rows[-1] + reach + 1),
        slice(max(0, columns[0] - reach), columns[-1] + reach + 1),
    )
    known = (~mask[inside]).astype(np.uint8)
    distance = cv2.distanceTransform(known, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    beyond = (distance - settings.dilate_px).clip(0) / (settings.feather_px + 1)
    weight[inside] = np.clip(1 - beyond, 0, 1) * (distance <= reach)
    if weight.all():
        raise UnusableMask(
            "the mask, grown by --dilate and --feather, covers the whole picture; nothing is left "
            "of it"
        )
    return weight


def _fitted(
    mask: Mask, canvas: Canvas, file: Path | None, settings: MaskSettings
) -> tuple[Mask, list[str]]:
    height, width = canvas.size
    found = f"{mask.shape[1]}x{mask.shape[0]}"
    if not settings.is_resized:
        hint = "--resize-mask stretches it"
        if mask.shape == (width, height):
            hint = "both are meant as they are displayed, turned as their files say"
        name = "its mask" if file is None else f"its mask {file}"
        raise UnusableMask(f"it is {width}x{height}, {name} is {found}; {hint}")
    warnings = []
    if abs(mask.shape[1] * height / (mask.shape[0] * width) - 1) > 0.01:
        warnings.append(f"its mask is stretched from {found} to {width}x{height}")
    # Shrunk, a pixel is missing where anything of it is: no thin stroke is lost.
    is_smaller = height < mask.shape[0] or width < mask.shape[1]
    method = cv2.INTER_AREA if is_smaller else cv2.INTER_NEAREST
    resized = cv2.resize(mask.astype(np.float32), (width, height), interpolation=method)
    return np.asarray(resized) > 0, warnings


@dataclass(frozen=True)
class Transparency:
    """Pixels that are more transparent than opaque are missing."""

    def file(self, relative: Path) -> Path | None:
        return None

    def mask(self, relative: Path, canvas: Canvas, is_lossy: bool) -> Mask:
        transparent = canvas.transparent()
        if transparent is None:
            raise UnusableMask("it has no transparency, which --mask alpha needs")
        return transparent


@dataclass(frozen=True)
class _Colour:
    """Pixels of a colour are missing; `tolerance` is the largest difference of a channel, of 255.

    None stands for 0, or for `_LOSSY_TOLERANCE` in lossy files.
    """

    colour: tuple[int, ...]
    tolerance: int | None

    def file(self, relative: Path) -> Path | None:
        return None

    def mask(self, relative: Path, canvas: Canvas, is_lossy: bool) -> Mask:
        tolerance = self.tolerance
        if tolerance is None:
            tolerance = _LOSSY_TOLERANCE if is_lossy else 0
        pixels = canvas.pixels()
        wanted = pixels.new_tensor(self.colour).view(3, 1, 1) / 127.5 - 1
        largest = (pixels - wanted).abs().amax(0) * 127.5
        return np.asarray((largest <= tolerance + 0.5).numpy())


_Length = tuple[float, bool]
"""A number, and whether it is a percentage."""


@dataclass(frozen=True)
class _Rectangle:
    """A box is missing: in pixels, or as part of the width and height."""

    text: str
    left: _Length
    top: _Length
    width: _Length
    height: _Length

    def file(self, relative: Path) -> Path | None:
        return None

    def mask(self, relative: Path, canvas: Canvas, is_lossy: bool) -> Mask:
        height, width = canvas.size
        left, right = _edges(self.left, self.width, width)
        top, bottom = _edges(self.top, self.height, height)
        if left >= width or top >= height or right <= left or bottom <= top:
            raise UnusableMask(f"it is {width}x{height}, --mask {self.text} has no pixel of it")
        mask = np.zeros((height, width), bool)
        mask[top:bottom, left:right] = True
        return mask


def _edges(start: _Length, length: _Length, whole: int) -> tuple[int, int]:
    first = _pixels(start, whole)
    return round(first), round(first + _pixels(length, whole))


def _pixels(length: _Length, whole: int) -> float:
    value, is_percent = length
    return value * whole / 100 if is_percent else value
