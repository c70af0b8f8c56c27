"""JPEG photographs: blocks that a hole does not touch keep their coefficients exactly."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from predictor.holes import Box
from predictor.media.photographs.canvas import Mask, image_array, image_tensor
from predictor.media.photographs.coefficients import (
    BLOCK,
    Coefficients,
    CoefficientsUnavailable,
    Floats,
)
from predictor.media.photographs.colour_models import Cmyk
from predictor.media.photographs.orientation import (
    as_stored,
    displayed,
    displayed_size,
    stored_box,
)
from predictor.media.photographs.segments import JpegFile

_MOST = np.float32(255)
_INKS = Cmyk(is_inverted=True)  # every decoder takes four inks for light, as Adobe's programs write
# BT.601 at full range, as JFIF has it: rows are Y, Cb, Cr of R, G, B; chroma lies around 128.
_TO_YCC = np.array(
    [[0.299, 0.587, 0.114], [-0.168735892, -0.331264108, 0.5], [0.5, -0.418687589, -0.081312411]],
    np.float32,
)
_FROM_YCC = np.linalg.inv(_TO_YCC).astype(np.float32)
_YCC_MIDDLE = np.array([0, 128, 128], np.float32)


@dataclass(frozen=True)
class _Region:
    """Whole blocks of all components round a box: `box` in samples, from a corner of a unit on."""

    box: Box
    units: Box

    @property
    def inside(self) -> tuple[slice, slice]:
        """Where the box lies in the blocks."""
        top, left = self.box.top - self.units.top, self.box.left - self.units.left
        return slice(top, top + self.box.height), slice(left, left + self.box.width)


class JpegCanvas:
    """The picture of a JPEG file, read from its coefficients and painted into them.

    Only the blocks of a box are transformed, so a small hole in a large photograph is cheap. A
    painted block is quantised anew with the file's own table; a known sample in it keeps its value
    up to that, and subsampled chroma is mixed as far as a hole covers it.
    """

    def __init__(self, coefficients: Coefficients, orientation: int) -> None:
        self.coefficients = coefficients
        file = coefficients.file
        self.orientation = orientation
        self._stored_size = file.size
        self._across = max(component.horizontal for component in file.components)
        self._down = max(component.vertical for component in file.components)
        self._is_ycc = is_ycc(file)
        self._count = len(file.components)
        if self._count not in (1, 3, 4):
            raise CoefficientsUnavailable(f"it has {self._count} components, expected 1, 3 or 4")
        for component in file.components:
            if self._across % component.horizontal or self._down % component.vertical:
                raise CoefficientsUnavailable("its sampling is in no whole proportion")

    @property
    def size(self) -> tuple[int, int]:
        """``(height, width)`` as displayed."""
        return displayed_size(self._stored_size, self.orientation)

    def pixels(self, box: Box | None = None) -> Tensor:
        """Return the picture, or `box` of it, as ``(3, H, W)`` float32 RGB in [-1, 1]."""
        region = self._region(box or Box(0, 0, *self.size))
        inside = self._all_components(region)[region.inside]
        return image_tensor(displayed(self._rgb(inside), self.orientation))

    def paint(self, box: Box, image: Tensor, weight: Tensor) -> None:
        """Put `image` into `box`, mixed with what is there by `weight`."""
        region = self._region(box)
        painted = as_stored(image_array(image), self.orientation)
        amount = as_stored(weight[0].numpy(), self.orientation)
        rows, columns = region.inside
        around = [
            (rows.start, region.units.height - rows.stop),
            (columns.start, region.units.width - columns.stop),
        ]
        amount = np.pad(amount.astype(np.float32), around)
        # Behind the picture's last row and column lie samples that nobody sees; they follow it.
        if region.box.bottom == self._stored_size[0]:
            amount[rows.stop :] = amount[rows.stop - 1]
        if region.box.right == self._stored_size[1]:
            amount[:, columns.stop :] = amount[:, columns.stop - 1 : columns.stop]
        painted = np.pad(painted, [*around, (0, 0)], mode="edge")
        for number, plane in enumerate(self._components(painted, amount, region)):
            self._paint_component(number, plane, amount, region)

    def transparent(self) -> Mask | None:
        """Return None: JPEG has no transparency."""
        return None

    def make_opaque(self, box: Box, mask: Mask) -> None:
        """Do nothing: JPEG has no transparency."""

    def _paint_component(self, number: int, plane: Floats, amount: Floats, region: _Region) -> None:
        across, down = self._factors(number)
        rows, columns = self._block_range(number, region.units)
        coverage = _reduced(amount, down, across)
        values = _reduced(amount * plane, down, across)
        np.divide(values, coverage, out=values, where=coverage > 0)
        existing = self.coefficients.samples(number, rows, columns)
        height, width = existing.shape
        coverage, values = coverage[:height, :width], values[:height, :width]
        mixed = existing + coverage * (values - existing)
        tiles = (coverage > 0).reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK)
        is_touched = np.asarray(tiles.any(axis=(1, 3)))
        self.coefficients.replace(number, rows, columns, mixed, is_touched)

    def _region(self, box: Box) -> _Region:
        """Return the units of all components, whole ones, that `box` touches, and one around."""
        place = stored_box(box, self._stored_size, self.orientation)
        height, width = self._down * BLOCK, self._across * BLOCK
        total = [
            -(-size // unit) for size, unit in zip(self._stored_size, (height, width), strict=True)
        ]
        units = Box(
            max(0, place.top // height - 1) * height,
            max(0, place.left // width - 1) * width,
            min(total[0], -(-place.bottom // height) + 1) * height,
            min(total[1], -(-place.right // width) + 1) * width,
        )
        return _Region(place, units)

    def _factors(self, number: int) -> tuple[int, int]:
        component = self.coefficients.file.components[number]
        return self._across // component.horizontal, self._down // component.vertical

    def _block_range(self, number: int, units: Box) -> tuple[slice, slice]:
        across, down = self._factors(number)
        rows, columns = self.coefficients.blocks(number).shape[:2]
        top, left = units.top // (BLOCK * down), units.left // (BLOCK * across)
        height, width = units.height // (BLOCK * down), units.width // (BLOCK * across)
        return slice(top, min(top + height, rows)), slice(left, min(left + width, columns))

    def _full_size(self, number: int, region: _Region) -> Floats:
        """Return a component of a region with as many samples as the picture has."""
        across, down = self._factors(number)
        plane = self.coefficients.samples(number, *self._block_range(number, region.units))
        if (across, down) != (1, 1):
            size = (plane.shape[1] * across, plane.shape[0] * down)
            plane = np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR), np.float32)
        missing = region.units.height - plane.shape[0], region.units.width - plane.shape[1]
        if any(missing):  # a component may end a block before the others
            plane = np.pad(plane, [(0, missing[0]), (0, missing[1])], mode="edge")
        return plane

    def _all_components(self, region: _Region) -> Floats:
        planes = [self._full_size(number, region) for number in range(self._count)]
        return np.stack(planes, axis=2)

    def _rgb(self, samples: Floats) -> Floats:
        """Return samples ``(H, W, components)`` as RGB in [0, 1]."""
        if self._count == 1:
            return np.repeat(np.clip(samples / _MOST, 0, 1), 3, axis=2)
        if self._count == 4:
            return _INKS.rgb(self._light(samples))
        colours = (samples - _YCC_MIDDLE) @ _FROM_YCC.T if self._is_ycc else samples
        return np.asarray(np.clip(colours / _MOST, 0, 1), np.float32)

    def _light(self, samples: Floats) -> npt.NDArray[np.uint8]:
        """Return four components as inks, 0 full; YCCK codes the first three the other way."""
        light = samples
        if self._is_ycc:
            inks = (samples[..., :3] - _YCC_MIDDLE) @ _FROM_YCC.T
            light = np.concatenate([_MOST - inks, samples[..., 3:]], axis=2)
        return np.rint(np.clip(light, 0, _MOST)).astype(np.uint8)

    def _components(self, rgb: Floats, amount: Floats, region: _Region) -> Iterator[Floats]:
        """Yield the planes 0 to 255 of RGB ``(H, W, 3)`` in [0, 1], at the size of the picture."""
        if self._count == 1:
            yield rgb @ _TO_YCC[0] * _MOST
            return
        planes = rgb * _MOST
        if self._count == 4:
            there = self._light(self._all_components(region))
            planes = _INKS.stored(rgb, there, amount).astype(np.float32)
        if self._is_ycc:
            colours = planes[..., :3] if self._count == 3 else _MOST - planes[..., :3]
            planes[..., :3] = colours @ _TO_YCC.T + _YCC_MIDDLE
        yield from np.moveaxis(planes, 2, 0)


def is_ycc(file: JpegFile) -> bool:
    """Return whether the first three components are Y, Cb, Cr; as libjpeg decides it."""
    count = len(file.components)
    if count == 4:
        return file.adobe_transform not in (None, 0)
    if count != 3:
        return False
    if file.is_jfif:
        return True
    if file.adobe_transform is not None:
        return file.adobe_transform != 0
    return [component.identifier for component in file.components] != [*b"RGB"]


def _reduced(plane: Floats, down: int, across: int) -> Floats:
    """Return the mean of every `down` by `across` samples."""
    if (down, across) == (1, 1):
        return plane.copy()
    reduced = functional.avg_pool2d(torch.from_numpy(plane)[None, None], (down, across))
    return cast(Floats, reduced[0, 0].numpy())
