"""Masks that a user has: pictures whose light pixels are missing."""

import functools
import math
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from predictor.data.file_tree import file_tree
from predictor.errors import UnreadableImage, UnusableData
from predictor.media.images import is_image_path
from predictor.media.photographs.mask import MISSING_FROM, mask_brightness

REMEMBERED = 128
"""Files kept in memory, a bit a pixel: 200 MB for masks of twelve megapixels."""

TRIES = 50
"""Cuts tried before the file is used whole."""


class MaskFiles:
    """The masks in the tree under a folder, cut, turned and mirrored at random.

    Raises `UnusableData` if there is none that marks a part of its picture; those that mark nothing
    or all, and files that cannot be read, are in `skipped`.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise UnusableData(f"{folder} is not a folder of masks")
        self.folder = folder
        self.names: list[str] = []
        self.skipped: list[str] = []
        tree = file_tree(folder)
        self.skipped += [f"{folder / name} {reason}" for name, reason in tree.skipped]
        for path in sorted(folder / name for name in tree.files if is_image_path(Path(name))):
            try:
                share = float(_light(path).mean())
            except UnreadableImage as error:
                self.skipped.append(str(error))
                continue
            if 0 < share < 1:
                self.names.append(path.relative_to(folder).as_posix())
            else:
                self.skipped.append(f"{path} marks {'all' if share else 'nothing'} as missing")
        if not self.names:
            raise UnusableData(f"{folder} has no mask that marks a part of its picture")

    def drawn(
        self, size: tuple[int, int], area: tuple[float, float], generator: Generator
    ) -> Tensor:
        """Return a mask ``(1, H, W)`` of `size`, 1 where a pixel is missing.

        It is a cut of at least half the file's shorter side, with a share within `area` missing; a
        file without such a cut is used whole. An area of nothing or of all is never returned.
        """
        number = int(torch.randint(len(self.names), (), generator=generator))
        mask = _light(self.folder / self.names[number])
        turns, mirrored = torch.randint(4, (2,), generator=generator).tolist()
        mask = np.rot90(mask, turns)
        mask = mask[:, ::-1] if mirrored % 2 else mask
        for _ in range(TRIES):
            found = _resized(_cut(mask, size, generator), size)
            if max(area[0], 1e-9) <= found.mean() <= area[1] and not found.all():
                return torch.from_numpy(found)[None].float()
        return torch.from_numpy(_kept(_resized(mask, size)))[None].float()


def _light(path: Path) -> NDArray[np.uint8]:
    """Return 1 where the picture at `path` is light; raises `UnreadableImage`."""
    bits, size = _light_bits(path)
    return np.unpackbits(bits, count=size[0] * size[1]).reshape(size)


@functools.lru_cache(maxsize=REMEMBERED)
def _light_bits(path: Path) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Return what `_light` returns, packed, and its size."""
    light = mask_brightness(path) >= MISSING_FROM
    return np.packbits(light), (light.shape[0], light.shape[1])


def _cut(mask: NDArray[np.uint8], size: tuple[int, int], generator: Generator) -> NDArray[np.uint8]:
    """Return a random part of the format of `size`."""
    height, width = mask.shape
    largest = min(height / size[0], width / size[1])
    scale, down, right = torch.rand(3, generator=generator).tolist()
    scale = largest * (0.5 + 0.5 * scale)
    rows = min(height, max(1, math.floor(size[0] * scale)))
    columns = min(width, max(1, math.floor(size[1] * scale)))
    top, left = int(down * (height - rows + 1)), int(right * (width - columns + 1))
    return mask[top : top + rows, left : left + columns]


def _resized(mask: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    grey = np.ascontiguousarray(mask * np.uint8(255))
    method = cv2.INTER_AREA if mask.size > size[0] * size[1] else cv2.INTER_LINEAR
    return (cv2.resize(grey, (size[1], size[0]), interpolation=method) > 127).astype(np.uint8)


def _kept(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return `mask` with one pixel known or missing where resizing left none."""
    if mask.all() or not mask.any():
        mask = mask.copy()
        mask[mask.shape[0] // 2, mask.shape[1] // 2] ^= 1
    return mask
