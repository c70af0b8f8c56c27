"""What the samples of a photograph mean: grey, RGB, palette, CMYK, at 8 or 16 bits.

A model turns stored samples ``(H, W, C)`` into RGB ``(H, W, 3)``, float32 in [0, 1], and back.
Colours are not managed: a network sees the numbers of the photograph's own colour space, and what
it fills in is in that space too.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from predictor.flow import LUMA_WEIGHTS

Stored = npt.NDArray[np.unsignedinteger[Any]]
Floats = npt.NDArray[np.float32]
Weights = npt.NDArray[np.float32]

_INK_RADIUS_PX = 3
_PIXELS_AT_ONCE = 1024


class ColourModel(Protocol):
    """How samples are read as colours and written from colours."""

    @property
    def channels(self) -> int:
        """Samples of a pixel, without alpha."""

    def rgb(self, stored: Stored) -> Floats:
        """Return the colours of `stored`."""

    def stored(self, rgb: Floats, before: Stored, weight: Weights) -> Stored:
        """Return samples for the colours `rgb`, of the type of the samples `before`.

        `before` are those that are there, `weight` ``(H, W)`` how far each is to be replaced; a
        model may look at those around the hole.
        """


def levels(values: Floats, like: Stored) -> Stored:
    """Return `values` in [0, 1] as integers of the type of `like`, rounded and clipped."""
    most = np.iinfo(like.dtype).max
    scaled = np.rint(np.multiply(values, np.float32(most)))
    return np.asarray(np.clip(scaled, 0, most).astype(like.dtype))


def fractions(stored: Stored) -> Floats:
    """Return integers of the full 8 or 16 bits as float32 in [0, 1]."""
    return np.asarray(np.multiply(stored, np.float32(1 / np.iinfo(stored.dtype).max), dtype="f4"))


@dataclass(frozen=True)
class Grey:
    """One sample; a filled pixel gets the luma of its colour."""

    is_inverted: bool = False
    """Whether 0 is white, as in some TIFF files."""
    step: int = 1
    """From one level of the file to the next: 85 and 17 where 2 and 4 bits fill 8."""
    channels: int = 1

    def rgb(self, stored: Stored) -> Floats:
        """Return the grey in all three channels."""
        grey = fractions(stored)
        return np.repeat(1 - grey if self.is_inverted else grey, 3, axis=2)

    def stored(self, rgb: Floats, before: Stored, weight: Weights) -> Stored:
        """Return the luma, as the nearest level of the file."""
        luma = rgb @ np.array(LUMA_WEIGHTS, np.float32)
        grey = levels((1 - luma if self.is_inverted else luma)[..., None], before)
        if self.step == 1:
            return grey
        return np.asarray(np.rint(grey / self.step).astype(grey.dtype) * grey.dtype.type(self.step))


@dataclass(frozen=True)
class BlackAndWhite:
    """One sample that is 0 or 1; a filled pixel gets the nearer of the two."""

    channels: int = 1

    def rgb(self, stored: Stored) -> Floats:
        """Return black or white."""
        return np.repeat(stored.astype(np.float32), 3, axis=2)

    def stored(self, rgb: Floats, before: Stored, weight: Weights) -> Stored:
        """Return 1 from a luma of one half on."""
        luma = rgb @ np.array(LUMA_WEIGHTS, np.float32)
        return np.asarray((luma >= 0.5)[..., None].astype(before.dtype))


@dataclass(frozen=True)
class Rgb:
    """Three samples, kept as they are."""

    channels: int = 3

    def rgb(self, stored: Stored) -> Floats:
        """Return the samples."""
        return fractions(stored)

    def stored(self, rgb: Floats, before: Stored, weight: Weights) -> Stored:
        """Return the samples."""
        return levels(rgb, before)


@dataclass(frozen=True, eq=False)
class Palette:
    """One sample, the number of a colour of `colours`; a filled pixel gets the nearest colour.

    `colours` is ``(n, 3)`` uint8, and `opacity` ``(n,)`` uint8 how far each is seen.
    """

    colours: npt.NDArray[np.uint8]
    opacity: npt.NDArray[np.uint8]
    channels: int = 1

    @property
    def is_opaque(self) -> npt.NDArray[np.bool_]:
        """Which colours are seen more than not; the others do not fill holes."""
        return np.asarray(self.opacity >= 128)

    def rgb(self, stored: Stored) -> Floats:
        """Return the colours; a number without a colour is black."""
        table = np.zeros((np.iinfo(stored.dtype).max + 1, 3), np.uint8)
        table[: len(self.colours)] = self.colours
        return fractions(table[stored[..., 0]])

    def stored(self, rgb: Floats, before: Stored, weight: Weights) -> Stored:
        """Return the number of the nearest colour by squared distance of RGB.

        Where `weight` is 0, the number stays.
        """
        is_usable = self.is_opaque if self.is_opaque.any() else ~self.is_opaque
        numbers = np.flatnonzero(is_usable)
        colours = fractions(self.colours[numbers])
        stored, is_replaced = before.copy(), weight > 0
        wanted = rgb[is_replaced]
        nearest = np.empty(len(wanted), before.dtype)
        # Some at a time: the table of distances is large. None alone: NumPy multiplies one row by
        # another routine, which rounds in another way.
        for start in range(0, len(wanted), _PIXELS_AT_ONCE):
            pixels = wanted[start : start + _PIXELS_AT_ONCE]
            paired = pixels.repeat(2, axis=0) if len(pixels) == 1 else pixels
            distances = (colours**2).sum(1) - 2 * paired @ colours.T
            nearest[start : start + len(pixels)] = numbers[distances.argmin(1)][: len(pixels)]
        stored[is_replaced, 0] = nearest
        return stored


@dataclass(frozen=True)
class Cmyk:
    """Four inks. A filled pixel gets as much black as its surroundings have.

    The hole in the black ink is closed from its edge, then the other three are what gives the
    colour with it: how a picture was separated differs from file to file, and its neighbourhood
    shows how.
    """

    is_inverted: bool = False
    """Whether 0 is full ink, as in the JPEG files of Adobe's programs."""
    channels: int = 4

    def rgb(self, stored: Stored) -> Floats:
        """Return the product of the light that each ink lets pass."""
        light = self._light(stored)
        return np.asarray(light[..., :3] * light[..., 3:])

    def stored(self, rgb: Floats, before: Stored, weight: Weights) -> Stored:
        """Return inks for the colours."""
        is_hole = (weight > 0).astype(np.uint8)
        seen = levels(self._light(before)[..., 3], np.empty(0, np.uint8))
        closed = cv2.inpaint(seen, is_hole, _INK_RADIUS_PX, cv2.INPAINT_TELEA)
        light = np.maximum(fractions(np.asarray(closed, np.uint8)), rgb.max(axis=2))[..., None]
        colour = np.divide(rgb, light, out=np.ones_like(rgb), where=light > 0)
        inks = np.concatenate([colour, light], axis=2)
        return levels(inks if self.is_inverted else 1 - inks, before)

    def _light(self, stored: Stored) -> Floats:
        inks = fractions(stored)
        return inks if self.is_inverted else 1 - inks
