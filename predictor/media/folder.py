"""A folder of pictures read as one clip."""

import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from predictor.errors import UnreadableVideo
from predictor.media.colour import ColorTags
from predictor.media.frame import Frame
from predictor.media.images import image_size, is_image_path, read_image
from predictor.media.info import VideoInfo

DEFAULT_RATE = Fraction(25)


def pictures_in(folder: Path) -> list[Path]:
    """Return the pictures directly in `folder` in natural order: ``2.png`` before ``10.png``."""
    paths = [
        path
        for path in folder.iterdir()
        if is_image_path(path) and not path.name.startswith(".") and path.is_file()
    ]
    return sorted(paths, key=_natural_key)


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
