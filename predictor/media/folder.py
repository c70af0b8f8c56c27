"""A folder of pictures read as one clip."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from predictor.errors import UnreadableVideo
from predictor.media.colour import ColorTags
from predictor.media.frame import Frame
from predictor.media.images import image_size, is_image_path, read_image
from predictor.media.info import VideoInfo
from predictor.wording import counted

DEFAULT_RATE = Fraction(25)

_FEWEST_NUMBERED = 3
"""Pictures from which on a numbering is looked for."""


def pictures_in(folder: Path) -> list[Path]:
    """Return the pictures directly in `folder` in natural order: ``2.png`` before ``10.png``."""
    paths = [
        path
        for path in folder.iterdir()
        if is_image_path(path) and not path.name.startswith(".") and path.is_file()
    ]
    return sorted(paths, key=_natural_key)


def numbering_notes(folder: Path) -> list[str]:
    """Return a note on numbers that the pictures in `folder` lack, and one on doubled numbers.

    Names count that differ in their last number alone, of which most are as far apart as others;
    times in names are no numbering.
    """
    parts = [re.fullmatch(r"(.*?)([0-9]+)([^0-9]*)", path.stem) for path in pictures_in(folder)]
    names = {None if found is None else (found[1], found[3]) for found in parts}
    if len(parts) < _FEWEST_NUMBERED or len(names) > 1 or None in names:
        return []
    numbers = [int(found[2]) for found in parts if found is not None]
    notes = []
    if len(set(numbers)) < len(numbers):
        twice = next(number for number, count in Counter(numbers).items() if count > 1)
        notes.append(f"several pictures have the number {twice}: each is taken for a frame")
    distinct = sorted(set(numbers))
    gaps = Counter(after - before for before, after in pairwise(distinct))
    step, usual = min(gaps.items(), key=lambda gap: (-gap[1], gap[0]), default=(1, 0))
    larger = [(a, b) for a, b in pairwise(distinct) if b - a > step]
    if larger and 2 * usual > len(distinct) - 1:
        before, after = larger[0]
        first, last = before + step, after - step
        found = f"{first}" if first >= last else f"{first} to {last}"
        more = "" if len(larger) == 1 else f" and {counted(len(larger) - 1, 'more gap')}"
        notes.append(
            f"pictures are missing, number {found}{more}: taken for as far apart as the others"
        )
    return notes


def _natural_key(path: Path) -> tuple[list[str | int], str]:
    parts: list[str | int] = [*re.split(r"([0-9]+)", path.name.casefold())]
    parts[1::2] = map(int, parts[1::2])  # every second part is digits
    return parts, path.name


def folder_info(folder: Path, rate: Fraction) -> VideoInfo:
    """Return the properties of a folder of pictures as a clip of `rate` pictures a second.

    Raises `UnreadableVideo` for a folder without pictures, `UnreadableImage` for a broken first.
    """
    paths = pictures_in(folder)
    if not paths:
        raise UnreadableVideo(f"{folder} is a folder without pictures, expected PNG or JPEG files")
    height, width = read_image(paths[0]).shape[1:]
    depth, has_alpha = _stored_depth(paths[0])
    info = pictures_info(folder, (height, width), rate, len(paths))
    pixel_format = "gbrp" if depth == 8 else "gbrp16le"
    return replace(info, pixel_format=pixel_format, bit_depth=depth, has_alpha=has_alpha)


def pictures_info(path: Path, size: tuple[int, int], rate: Fraction, count: int) -> VideoInfo:
    """Return the properties of `count` RGB pictures of `size` as a clip of `rate` a second."""
    height, width = size
    return VideoInfo(
        path=path,
        container="images",
        codec="images",
        profile=None,
        pixel_format="gbrp",
        bit_depth=8,
        width=width,
        height=height,
        rotation_deg=0,
        is_mirrored=False,
        sample_aspect_ratio=Fraction(1),
        average_rate=rate,
        time_base=1 / rate,
        start_time=Fraction(0),
        duration_s=float(count / rate),
        frame_count=count,
        is_variable_rate=False,
        is_interlaced=False,
        has_alpha=False,
        color=ColorTags(),
    )


def folder_frames(info: VideoInfo, start: int = 0) -> Iterator[Frame]:
    """Yield the pictures of a folder from number `start` on, each read when its image is asked for.

    Raises `UnreadableVideo` at a picture whose size is not that of the first.
    """
    for number, path in enumerate(pictures_in(info.path)):
        if number < start:
            continue
        height, width = image_size(path)
        if (height, width) != info.size:
            raise UnreadableVideo(
                f"{path} is {width}x{height}, expected {info.width}x{info.height} "
                "like the first picture of its folder"
            )
        yield Frame(number / info.average_rate, 1 / info.average_rate, partial(read_image, path))


def _stored_depth(path: Path) -> tuple[int, bool]:
    pixels = np.asarray(cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED))
    return (16 if pixels.dtype == np.uint16 else 8), pixels.ndim == 3 and pixels.shape[2] == 4
