"""Fill a clip with a fixed mask: from what other frames show first, then by an image inpainter.

For every frame, the remembered frames that show what the hole hides are warped onto it and mixed by
how well they fit around the hole (flow-guided propagation without a network, after Gao et al. 2020
and Huang et al. 2016). Where none fits, the fill of the frame before is moved along, and only what
that does not explain, and a little of the rest, is filled anew, so that nothing flickers.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from predictor.errors import TensorContractError
from predictor.holes import Box
from predictor.video_fill.alignment import Candidate, Target
from predictor.video_fill.camera import Matrix, transformed
from predictor.video_fill.filler import Filler
from predictor.video_fill.memory import Memory, Remembered
from predictor.video_fill.picture import FixedMask, Part, Picture, levels

MOST_MIXED = 6
"""Most remembered frames that one frame is filled from."""
OTHERS_WORTH = 0.3
"""Factor on the worth of a pixel for each frame chosen already that shows it."""
LEAST_WORTH = 0.01
"""Least worth of a frame that is used, as a share of the hole's pixels."""
NEAR_FRAMES = 15
"""Distance in time at which a frame is worth half as much."""
DECAY = 0.02
"""How fast the weight of a candidate falls with its distance in frames d: 1 / (1 + DECAY d)."""
DOUBT = 0.2
"""Error, as a share of the variance around the hole, at which a candidate and a new fill have equal
weight; the best value on validation clips."""
STILL_PX = 0.4
"""Motion by which a fill may lag behind a picture that seems to stand still."""
STILL_NOISE = 3e-5
"""Squared difference, of colours in [-1, 1], that counts as noise: about half a level of 255."""
CERTAIN = 0.98
"""Share from other frames above which a pixel is not filled in any other way."""
CARRIED_ON = 0.9
"""Most of an earlier fill that is kept where a pixel was never seen: the mean of many fills is
better than the first, and the change from frame to frame is too small to be noticed. Pixels that
were seen are kept whole."""
SETTLED = 0.995
"""Trust, everywhere in a hole, above which most frames just keep the fill of the frame before."""
RENEWED_FRAMES = 4
"""A settled fill, too, is mixed with a new one every so many frames."""

_Image = NDArray[np.float32]


@dataclass(eq=False)
class _Past:
    """The frame before, filled; None at the beginning of a shot."""

    picture: Picture | None = None
    lags: tuple[Matrix, ...] = ()
    """For each hole the motion back to the frame before that its fill has not followed yet."""
    age: int = 0
    """Frames since its shot began."""


class _Made(NamedTuple):
    """What fills a hole where no remembered frame does."""

    colours: _Image
    """``(h, w, 3)``."""
    real: _Image
    """``(h, w)``, how much of it was seen before."""


class VideoInpainter:
    """Fills the same hole in every frame of a clip; `filler` makes what no frame shows.

    `mask` is ``(1, 1, H, W)``, above one half where a pixel is missing. Raises
    `TensorContractError` for another shape and for a mask of nothing or of everything.
    """

    def __init__(self, filler: Filler, mask: Tensor) -> None:
        if mask.ndim != 4 or mask.shape[:2] != (1, 1):
            raise TensorContractError(f"mask has shape {tuple(mask.shape)}, expected (1, 1, H, W)")
        self._filler = filler
        self._missing = (mask[0, 0] > 0.5).cpu()
        if self._missing.all() or not self._missing.any():
            what = "the whole clip" if self._missing.all() else "nothing"
            raise TensorContractError(f"the mask covers {what}, expected a part")
        self._mask = FixedMask.of(self._missing.numpy())

    def filled(self, frames: Iterable[Tensor], ahead: Iterable[Tensor]) -> Iterator[Tensor]:
        """Yield `frames`, each ``(3, H, W)`` in [-1, 1], with the hole filled, one for one.

        `ahead` yields the same frames once more and is read ahead, since later frames of a pan show
        what earlier ones hide. Known pixels are returned bit for bit; pixels under the mask are
        never read. Memory does not grow with the number of frames; a shot is filled from its own
        frames alone. Raises `TensorContractError` for frames that do not fit the mask.
        """
        memory = Memory(map(self._required, ahead), self._mask)
        past = _Past()
        for number, image in enumerate(frames):
            shown = self._required(image)
            picture = self._mask.picture(number, shown)
            try:
                back = memory.advance()
            except EOFError as error:
                raise TensorContractError(
                    f"frames go on after the {number} that were read ahead, expected the same"
                ) from error
            if back is None:
                past = _Past(lags=tuple(np.eye(3) for _ in self._mask.parts))
            result = shown.float().clone()
            real = (~self._mask.missing).astype(np.float32)
            others = memory.others()
            lags = []
            for part, lag in zip(self._mask.parts, past.lags, strict=True):
                target = Target(picture, self._mask, part)
                lag = lag if back is None else lag @ back
                lags.append(self._fill(result, real, target, others, past, lag))
            before = Picture(number, levels(result), picture.grey, real)
            past = _Past(before, tuple(lags), past.age + 1)
            yield result.to(image.device, image.dtype)

    def _required(self, image: Tensor) -> Tensor:
        expected = (3, *self._missing.shape)
        if tuple(image.shape) != expected:
            raise TensorContractError(
                f"a frame has shape {tuple(image.shape)}, expected {expected} like the mask"
            )
        return image.detach().cpu()

    def _fill(
        self,
        result: Tensor,
        real: _Image,
        target: Target,
        others: list[Remembered],
        past: _Past,
        lag: Matrix,
    ) -> Matrix:
        """Fill one hole of `result` ``(3, H, W)`` in place; return the remaining `lag` of its fill.

        In `real` ``(H, W)`` it notes how much of each pixel was seen in some frame.
        """
        part = target.part
        found = [
            (target.candidate(other.picture, other.motion), other.picture.number)
            for other in best_views(others, part, self._mask, target.picture.number)
        ]
        mixed, share = _mixed(target, [(candidate, n) for candidate, n in found if candidate])
        if share[part.hole.pixels].min() < CERTAIN:
            made, lag = self._made(result, target, mixed, share, past, lag)
            mixed = mixed * share[..., None] + made.colours * (1 - share[..., None])
            share = share + made.real * (1 - share)
        hole = part.hole.pixels
        real[part.box.rows, part.box.columns][hole] = share[hole]
        where = torch.from_numpy(hole)
        filled = torch.from_numpy(mixed).permute(2, 0, 1).clamp(-1, 1)
        result[:, part.box.rows, part.box.columns][:, where] = filled[:, where]
        return lag

    def _made(
        self,
        result: Tensor,
        target: Target,
        mixed: _Image,
        share: _Image,
        past: _Past,
        lag: Matrix,
    ) -> tuple[_Made, Matrix]:
        """Return what fills the hole where the mix of other frames does not, and its lag."""
        old = None
        if past.picture is not None:
            old, lag = _carried_on(target, past.picture, lag)
        if old is None:
            fresh = self._fresh(result, target.part, mixed, share)
            return _Made(fresh, np.zeros_like(share)), np.eye(3)
        trust = _trust(old.seen, old.error, target)
        is_settled = trust[target.part.hole.pixels].min() > SETTLED
        if is_settled and past.age % RENEWED_FRAMES:
            return _Made(old.colours, old.real), lag
        fresh = self._fresh(result, target.part, mixed, share)
        trust = trust * (old.real + CARRIED_ON * (1 - old.real))
        colours = old.colours * trust[..., None] + fresh * (1 - trust[..., None])
        return _Made(colours, old.real * trust), lag

    def _fresh(self, image: Tensor, part: Part, mixed: _Image, share: _Image) -> _Image:
        """Return a new fill ``(h, w, 3)``; pixels of `mixed` that are certain count as known."""
        box, size = part.box, (image.shape[-2], image.shape[-1])
        seen = Box.around([self._filler.seen(part.hole, size).within(*size), box])
        rows = slice(box.top - seen.top, box.bottom - seen.top)
        columns = slice(box.left - seen.left, box.right - seen.left)
        crop = image[:, seen.rows, seen.columns].clone()
        missing = self._missing[seen.rows, seen.columns].clone()
        is_certain = torch.from_numpy(part.hole.pixels & (share > CERTAIN))
        crop[:, rows, columns][:, is_certain] = torch.from_numpy(mixed).permute(2, 0, 1)[
            :, is_certain
        ]
        missing[rows, columns][is_certain] = False
        filled = self._filler.fill(crop[None], missing.float()[None, None])[0].cpu()
        return filled[:, rows, columns].permute(1, 2, 0).float().numpy()


def best_views(others: list[Remembered], part: Part, mask: FixedMask, now: int) -> list[Remembered]:
    """Return the frames that together show the most of the hole `part`, the best first.

    Greedily, judged by the motion of the camera alone. It is worth something to show a pixel that
    another frame shows already, and frames that are near in time are preferred.
    """
    rows, columns = np.nonzero(part.hole.pixels)
    step = max(1, len(rows) // 500)
    places = np.stack([columns[::step] + part.box.left, rows[::step] + part.box.top], axis=1)
    points = places.astype(np.float64)
    height, width = mask.missing.shape
    shown = []
    for other in others:
        moved = np.nan_to_num(transformed(other.motion, points), nan=-1)
        x, y = np.rint(moved).clip(-1, [width, height]).astype(np.int64).T
        is_inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        hidden = mask.missing[y.clip(0, height - 1), x.clip(0, width - 1)]
        shown.append(is_inside & ~hidden)
    worth = np.ones(len(points))
    nearness = [1 / (1 + abs(other.picture.number - now) / NEAR_FRAMES) for other in others]
    left = list(range(len(others)))
    taken: list[Remembered] = []
    while left and len(taken) < MOST_MIXED:
        gains = [nearness[number] * float((shown[number] * worth).sum()) for number in left]
        best = int(np.argmax(gains))
        if gains[best] < LEAST_WORTH * len(points):
            break
        number = left.pop(best)
        taken.append(others[number])
        worth[shown[number]] *= OTHERS_WORTH
    return taken


def _mixed(target: Target, found: list[tuple[Candidate, int]]) -> tuple[_Image, _Image]:
    """Return the weighted mean of the candidates ``(h, w, 3)``, and its share ``(h, w)``.

    The share is 1 where they are certain and 0 where there are none. They are less certain where
    they contradict each other: there something moves in a way of its own.
    """
    size = target.part.hole.pixels.shape
    total, squares = np.zeros((*size, 3), np.float32), np.zeros(size, np.float32)
    errors, weights = np.zeros(size, np.float32), np.full(size, 1e-20, np.float32)
    for candidate, number in found:
        nearness = 1 / (1 + DECAY * abs(number - target.picture.number))
        weight = nearness * _soft(candidate.seen) / np.square(candidate.error + 1e-4)
        total += candidate.colours * weight[..., None]
        squares += np.square(candidate.colours).mean(-1) * weight
        errors += candidate.error * weight
        weights += weight
    mixed = total / weights[..., None]
    disagreement = np.maximum(squares / weights - np.square(mixed).mean(-1), 0)
    error = np.asarray(cv2.blur(errors / weights + disagreement, (5, 5)), np.float32)
    is_shown = (weights > 1e-10).astype(np.float32)
    return mixed.astype(np.float32), _trust(is_shown, error, target)


def _carried_on(target: Target, before: Picture, lag: Matrix) -> tuple[Candidate | None, Matrix]:
    """Return the fill of the frame before, moved to this frame, and the lag that remains.

    Small motions that the surroundings do not confirm are put off until they add up; otherwise the
    noise of their measurement would make a still fill tremble.
    """
    moved = target.candidate(before, lag)
    still = target.candidate(before, np.eye(3), is_still=True)
    if moved is None or still is None:
        return moved or still, np.eye(3)
    corners = target.part.corners
    if np.abs(transformed(lag, corners) - corners).max() < STILL_PX:
        if still.rim_error < 1.2 * moved.rim_error + STILL_NOISE:
            return still, lag
    elif still.rim_error <= moved.rim_error:
        return still, np.eye(3)
    return moved, np.eye(3)


def _trust(seen: _Image, error: _Image, target: Target) -> _Image:
    """Return the weight ``(h, w)`` of what was `seen` with an estimated squared `error`."""
    doubt = np.square(error / (DOUBT * target.variety))
    return np.asarray(_soft(seen) / (1 + doubt), np.float32)


def _soft(seen: _Image) -> _Image:
    """Return `seen`, falling off towards its borders; what was 0 stays 0."""
    around = np.asarray(cv2.blur(seen, (7, 7), borderType=cv2.BORDER_REPLICATE), np.float32)
    return seen * around
