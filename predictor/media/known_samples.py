"""Put the known samples of a decoded picture back into the one that is encoded in its place."""

from collections.abc import Callable
from functools import partial

import av
import numpy as np
from numpy.typing import NDArray

from predictor.media.colour import FULL, ColorTags, sample_planes
from predictor.media.info import VideoInfo


class KnownSamples:
    """Protects the samples that a hole does not touch from the rounding of colour conversion.

    `missing` ``(H, W)`` is the hole in the upright picture of the video that `info` describes. The
    new pictures are upright, in `pixel_format` and tagged `color`. A chroma sample that any pixel
    of the hole shares is not known. `are_kept` says whether all samples can be copied: whether the
    old ones lie at the same places and mean the same colours in the new pictures. Chroma of lower
    resolution lies left of the middle of its pixels, and elsewhere once the picture is turned or
    mirrored, or its fields are joined: then the luma alone is copied
    (`is_luma_kept`).
    """

    def __init__(
        self, info: VideoInfo, missing: NDArray[np.bool_], pixel_format: str, color: ColorTags
    ) -> None:
        self._quarter_turns = info.rotation_deg // 90
        self._is_mirrored = info.is_mirrored
        self._size = info.size
        self._touched = {info.size: missing}
        shape = av.VideoFormat(pixel_format, 64, 64)
        is_subsampled = (shape.chroma_width(64), shape.chroma_height(64)) != (64, 64)
        is_moved = self._quarter_turns > 0 or self._is_mirrored
        self.is_luma_kept = (
            not info.path.is_dir()
            and pixel_format == info.pixel_format
            and _is_planar(shape)
            and (color.range == FULL) == (info.color.range == FULL)
            and color.resolved_matrix(info.size) == info.color.resolved_matrix(info.coded_size)
        )
        self.are_kept = self.is_luma_kept and not (
            is_subsampled and (is_moved or info.is_interlaced)
        )

    def restorer(self, decoded: av.VideoFrame | None) -> Callable[[av.VideoFrame], None] | None:
        """Return a function that puts the known samples of `decoded` into a new picture, or None.

        To be handed to `VideoWriter.write` as its `retouch`.
        """
        if decoded is None or not self.is_luma_kept:
            return None
        return partial(self.restore, decoded)

    def restore(self, decoded: av.VideoFrame, made: av.VideoFrame) -> None:
        """Put the known samples of `decoded`, as the source stores it, into `made`."""
        if decoded.format.name != made.format.name:
            return
        planes = list(zip(sample_planes(made), sample_planes(decoded), strict=True))
        for new, old in planes if self.are_kept else planes[:1]:
            turned = np.rot90(old, -self._quarter_turns)
            turned = turned[:, ::-1] if self._is_mirrored else turned
            np.copyto(new, turned, where=~self._touching(new.shape))

    def _touching(self, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """Return which samples of a plane of `shape` a pixel of the hole shares."""
        rows, columns = shape
        if (rows, columns) not in self._touched:
            height, width = self._size
            down, across = -(-height // rows), -(-width // columns)
            missing = self._touched[self._size]
            padded = np.pad(missing, ((0, rows * down - height), (0, columns * across - width)))
            blocks = padded.reshape(rows, down, columns, across)
            self._touched[rows, columns] = np.asarray(blocks.any(axis=(1, 3)))
        return self._touched[rows, columns]


def _is_planar(shape: av.VideoFormat) -> bool:
    """Return whether every component has a plane of its own, and none is opacity."""
    components = shape.components
    return (
        len({component.plane for component in components}) == len(components)
        and not shape.has_palette
        and not any(component.is_alpha for component in components)
        and not shape.is_big_endian
        and all(component.bits <= 16 for component in components)
    )
