"""How well a fixed hole in videos is filled, against filling every frame by itself.

Protocol: a box of 10 % of the frame, in the lower right corner, the middle or the upper left in
turn; PSNR of the hole, each frame capped at 60 dB, means over frames, then over clips. The change
from frame to frame inside the hole is divided by that in the surroundings, a frame around it of
about its area; above 1 it may flicker.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from predictor.errors import UnreadableMedia, UnusableData
from predictor.media.video import open_video
from predictor.metrics import psnr
from predictor.tensors import IMAGE_RANGE, PSNR_CAP_DB
from predictor.video_fill.camera import transformed
from predictor.video_fill.camera_path import tracked_pictures
from predictor.video_fill.filler import Filler
from predictor.video_fill.picture import FixedMask
from predictor.video_fill.video_inpainter import VideoInpainter

HOLE_SHARE = 0.1
MOST_FRAMES = 60
MOTION_FRAMES = 24
"""Frames of a clip that tell how much its camera moves."""

_EDGE = 0.06  # distance of a hole in a corner from the edges, as a part of the side


@dataclass(frozen=True)
class VideoFillScores:
    """What was reached on one clip."""

    name: str
    frames: int
    psnr_db: float
    alone_psnr_db: float
    """Of every frame filled by itself, by the same filler."""
    change: float
    """Mean change from frame to frame in the hole over that around it."""
    alone_change: float
    true_change: float
    """Of what the hole really hides."""

    @property
    def gain_db(self) -> float:
        """What other frames are worth."""
        return self.psnr_db - self.alone_psnr_db


def fixed_hole(size: tuple[int, int], number: int) -> Tensor:
    """Return the mask ``(1, 1, H, W)`` of clip `number`, of `HOLE_SHARE` of its frames."""
    spans = []
    for length in size:
        hole = max(1, round(length * HOLE_SHARE**0.5))
        edge = round(length * _EDGE)
        start = (length - hole - edge, (length - hole) // 2, edge)[number % 3]
        spans.append(slice(max(0, start), max(0, start) + hole))
    mask = torch.zeros(1, 1, *size)
    mask[0, 0, spans[0], spans[1]] = 1
    return mask


def scores(name: str, frames: Sequence[Tensor], filler: Filler, mask: Tensor) -> VideoFillScores:
    """Return how well `filler` fills the hole of `frames`, each ``(3, H, W)`` in [-1, 1].

    `mask` is ``(1, 1, H, W)``.
    """
    hole = mask[0, 0] > 0.5
    rim = _around(hole)
    found = list(VideoInpainter(filler, mask).filled(frames, frames))
    alone = [filler.fill(frame[None], mask)[0] for frame in frames]

    def quality(filled: Sequence[Tensor]) -> float:
        values = [
            psnr(one[None], true[None], IMAGE_RANGE, mask, PSNR_CAP_DB)
            for one, true in zip(filled, frames, strict=True)
        ]
        return float(torch.cat(values).mean())

    def change(filled: Sequence[Tensor]) -> float:
        inside, outside = (
            sum(
                float((after - before).abs()[:, where].mean()) for before, after in pairwise(filled)
            )
            for where in (hole, rim)
        )
        return inside / outside if outside else float("nan")

    return VideoFillScores(
        name, len(frames), quality(found), quality(alone), change(found), change(alone),
        change(frames),
    )  # fmt: skip


def clip_scores(path: Path, filler: Filler, number: int) -> VideoFillScores:
    """Return the scores of the first `MOST_FRAMES` frames of a video, clip `number` of several.

    Raises `UnreadableVideo`.
    """
    with open_video(path) as reader:
        frames = [frame.image for frame in islice(reader, MOST_FRAMES)]
        mask = fixed_hole(reader.info.size, number)
    return scores(path.stem, frames, filler, mask)


def most_moving(paths: Sequence[Path], count: int) -> list[Path]:
    """Return the `count` videos whose camera moves most, in the order of `paths`.

    By the median motion of the middle of the first frames, as a part of the longer side. What
    cannot be read is left out. Raises `UnusableData` for fewer than `count`.
    """
    motion: dict[Path, float] = {}
    for path in paths:
        try:
            motion[path] = camera_motion_of(path)
        except UnreadableMedia:
            continue
    if len(motion) < count:
        where = f"{paths[0].parent} has" if paths else "there are"
        raise UnusableData(f"{where} {len(motion)} readable videos, expected at least {count}")
    chosen = sorted(motion, key=lambda path: -motion[path])[:count]
    return [path for path in paths if path in chosen]


def camera_motion_of(path: Path) -> float:
    """Return how far the middle of a video moves a frame, as a part of its longer side."""
    with open_video(path) as reader:
        size = reader.info.size
        missing = fixed_hole(size, 1)[0, 0].numpy() > 0
        images = (frame.image for frame in islice(reader, MOTION_FRAMES))
        motions = [it.motion for it in tracked_pictures(images, FixedMask.of(missing))]
    middle = np.array([[size[1] / 2, size[0] / 2]])
    steps = [np.abs(transformed(m, middle) - middle).sum() for m in motions if m is not None]
    return float(np.median(steps)) / max(size) if steps else 0.0


def panned(
    picture: Tensor, size: tuple[int, int], step: tuple[float, float], count: int
) -> list[Tensor]:
    """Return `count` frames ``(3, *size)`` of a camera that moves over `picture` ``(3, H, W)``.

    It starts in the upper left corner and moves by `step`, right and down, pixels a frame. Raises
    `UnusableData` for a picture that is too small.
    """
    height, width = size
    needed = height + step[1] * (count - 1) + 4, width + step[0] * (count - 1) + 4
    if picture.shape[-2] < needed[0] or picture.shape[-1] < needed[1]:
        raise UnusableData(
            f"the picture is {picture.shape[-1]}x{picture.shape[-2]}, expected at least "
            f"{round(needed[1])}x{round(needed[0])} to pan over"
        )
    pixels = np.ascontiguousarray(picture.permute(1, 2, 0).numpy())
    frames = []
    for number in range(count):
        right, down = (2 + pixels_a_frame * number for pixels_a_frame in step)
        place = np.array([[1, 0, right], [0, 1, down]], np.float64)
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        frame = cv2.warpAffine(pixels, place, (width, height), flags=flags)
        frames.append(torch.from_numpy(np.asarray(frame)).permute(2, 0, 1).clamp(-1, 1))
    return frames


def _around(hole: Tensor) -> Tensor:
    """Return the surroundings of `hole` ``(H, W)``, bool, without it."""
    reach = max(2, round(float(hole.sum()) ** 0.5 / 5))
    square = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    grown = cv2.dilate(hole.numpy().astype(np.uint8), square)
    return torch.from_numpy(np.asarray(grown) > 0) & ~hole
