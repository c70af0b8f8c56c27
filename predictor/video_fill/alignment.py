"""What one frame shows of the hole of another, and how reliable that is."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from predictor.flow import searched_flow
from predictor.holes import Box
from predictor.video_fill.camera import Matrix, transformed
from predictor.video_fill.picture import FixedMask, Part, Picture, colours, spread

RIM_PX = 12
"""Width of the rim around the hole on which a candidate is matched in brightness and rated."""
LEAST_COMPARED = 0.1
"""Share of the rim that a candidate must show, at least: how a smaller part fits tells little."""
TRUST = 12.0
"""Difference, in grey levels of 255, at which the motion found at a place has weight 1/e."""

_Image = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Candidate:
    """A proposal for what fills a hole, from another frame; all ``(h, w)`` of the hole's box."""

    colours: _Image
    """``(h, w, 3)``."""
    seen: _Image
    """1 where the other frame shows it, 0 where not, something between at the border."""
    error: _Image
    """Squared error of the colours, as estimated from the error around the hole."""
    rim_error: float
    """Mean squared error of what it shows around the hole."""
    real: _Image
    """How much of each pixel was seen in some frame, not made up."""


class Target:
    """The frame that is being filled."""

    def __init__(self, picture: Picture, mask: FixedMask, part: Part) -> None:
        self.mask, self.part = mask, part
        self.picture = picture
        around = part.around
        self.rim = part.box.grown(RIM_PX).within(*mask.missing.shape)
        self._colours = colours(picture.pixels[self.rim.rows, self.rim.columns])
        known = self._colours[~mask.missing[self.rim.rows, self.rim.columns]]
        self.variety = float(known.var(0).mean()) + 0.004
        """Variance of the colours around the hole."""
        self._missing = mask.missing[self.rim.rows, self.rim.columns]
        scale = mask.scale
        left, top, _ = np.linalg.solve(scale, [around.left, around.top, 1])
        right, bottom, _ = np.linalg.solve(scale, [around.right - 1, around.bottom - 1, 1])
        height, width = mask.small_missing.shape
        self._small = Box(
            max(0, int(np.floor(top))),
            max(0, int(np.floor(left))),
            min(height, int(np.ceil(bottom)) + 1),
            min(width, int(np.ceil(right)) + 1),
        )

    def candidate(self, other: Picture, motion: Matrix, is_still: bool = False) -> Candidate | None:
        """Return what `other` shows of the hole; None where too little of the rim is seen there.

        `motion` takes pixels of this frame to those of `other`. It is refined by optical flow
        around the hole unless `is_still`. The hole of `other` counts as seen if it is filled.
        """
        places = _grid(self.rim)
        if not is_still:
            places = places + self._bend(other, motion)
        places = transformed(motion, places)
        x, y = np.moveaxis(places.astype(np.float32), -1, 0)
        seen = self._seen_at(x, y, other.real is not None)
        hidden = self._missing
        compared = (seen * ~hidden).sum() / (~hidden).sum()
        if not (seen * hidden).any() or compared < LEAST_COMPARED:
            return None
        codes = cv2.remap(other.pixels, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        real = np.ones_like(seen)
        if other.real is not None:
            real = np.asarray(cv2.remap(other.real, x, y, cv2.INTER_LINEAR), np.float32)
        return self._matched(colours(np.asarray(codes, np.uint16)), seen, real)

    def _seen_at(self, x: _Image, y: _Image, is_whole: bool) -> _Image:
        """Return 1 where a place lies in the frame and, if not `is_whole`, outside of its hole."""
        missing = self.mask.missing
        height, width = missing.shape
        seen = ((x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)).astype(np.float32)
        if not is_whole:
            known = (~missing).astype(np.float32)
            known = np.asarray(cv2.remap(known, x, y, cv2.INTER_LINEAR), np.float32)
            seen *= known > 0.999
        # Cubic interpolation looks a pixel farther.
        square = np.ones((3, 3), np.uint8)
        return np.asarray(cv2.erode(seen, square, borderType=cv2.BORDER_REPLICATE), np.float32)

    def _bend(self, other: Picture, motion: Matrix) -> _Image:
        """Return the motion of the rim's pixels beyond what `motion` says, ``(h, w, 2)``."""
        residual = self._residual(other, motion)
        scale = self.mask.scale
        steps = np.diag(scale)[:2]
        places = (_grid(self.rim) - scale[:2, 2]) / steps - [self._small.left, self._small.top]
        x, y = np.moveaxis(places.astype(np.float32), -1, 0)
        bend = cv2.remap(residual, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(bend * steps, np.float32)

    def _residual(self, other: Picture, motion: Matrix) -> _Image:
        """Return the flow ``(h, w, 2)`` that is left around the hole once `motion` is undone."""
        mask, box = self.mask, self._small
        small = np.linalg.inv(mask.scale) @ motion @ mask.scale
        places = transformed(small, _grid(box)).astype(np.float32)
        x, y = places[..., 0], places[..., 1]
        height, width = mask.small_missing.shape
        hole = mask.small_missing[box.rows, box.columns]
        inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
        valid = inside
        if other.real is None:
            known = (~mask.small_missing).astype(np.float32)
            valid = inside & (cv2.remap(known, x, y, cv2.INTER_LINEAR) > 0.999)
        there = np.asarray(
            cv2.remap(other.grey, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8
        )
        here = self.picture.grey[box.rows, box.columns].copy()
        here = np.where(hole & valid, there, here)
        there = np.where(valid, there, here)
        flow = searched_flow(here, there)
        x, y = np.moveaxis(_grid(Box(0, 0, box.height, box.width)) + flow, -1, 0)
        found = cv2.remap(
            there,
            x.astype(np.float32),
            y.astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        off = cv2.blur(np.abs(found.astype(np.float32) - here), (5, 5)) / TRUST
        near = cv2.dilate((hole | ~valid).astype(np.uint8), np.ones((5, 5), np.uint8))
        trust = np.exp(-off * off) * (near == 0)
        return spread(flow, trust.astype(np.float32))

    def _matched(self, shown: _Image, seen: _Image, real: _Image) -> Candidate:
        """Return the candidate, its brightness matched to this frame on the rim."""
        known = seen * ~self._missing
        difference = self._colours - shown
        close = np.exp(-((np.abs(difference).mean(-1) / 0.25) ** 2))
        offset = spread(difference, known * close)
        shown = shown + offset
        error = np.square(self._colours - shown).mean(-1, keepdims=True)
        expected = spread(error, known)[..., 0]
        hole, rim = self.part.box, self.rim
        part = (
            slice(hole.top - rim.top, hole.bottom - rim.top),
            slice(hole.left - rim.left, hole.right - rim.left),
        )
        rim_error = float((error[..., 0] * known).sum() / max(1.0, known.sum()))
        return Candidate(shown[part], seen[part], expected[part] + rim_error, rim_error, real[part])


def _grid(box: Box) -> NDArray[np.float64]:
    rows, columns = np.mgrid[box.top : box.bottom, box.left : box.right]
    return np.stack([columns, rows], axis=-1).astype(np.float64)
