"""How the camera moved between two frames: a homography that most of the picture agrees on."""

import cv2
import numpy as np
from numpy.typing import NDArray

from predictor.flow import searched_flow

Matrix = NDArray[np.float64]

GRID_PX = 6
CLEARANCE_PX = 9
"""Motion is not measured closer to the hole than this: patches there overlap what fills it."""
TEXTURE = 3.0
"""Least standard deviation, in grey levels of 255, of a patch whose motion can be measured."""
TOLERANCE_PX = 0.7
FEWEST_POINTS = 24
BETTER_BY = 1.03
"""Factor by which a homography must fit more points than a similarity does, since it extrapolates
less safely to what it was not fitted on."""
FEWEST_AGREEING = 0.25
"""Least share of the points that must agree on a motion."""
MOST_ZOOM = 4.0
"""Largest change of area from one frame to the next that is believed."""


def camera_motion(
    first: NDArray[np.uint8], second: NDArray[np.uint8], missing: NDArray[np.bool_]
) -> Matrix:
    """Return the homography ``(3, 3)`` that takes pixels of `first` to where `second` shows them.

    Both are grey ``(H, W)`` and share the hole `missing`. Points on a grid are followed by dense
    inverse search, and most of them must agree (random sampling, Fischler and Bolles 1981) on a
    similarity, or many more on a homography. Where too few agree on either, it is the median
    translation of what can be followed.
    """
    flow = searched_flow(first, second)
    usable = seen_in(first, missing)
    rows, columns = (places.ravel() for places in np.mgrid[: first.shape[0] : GRID_PX,
                                                           : first.shape[1] : GRID_PX])  # fmt: skip
    chosen = usable[rows, columns]
    points = np.stack([columns[chosen], rows[chosen]], axis=1).astype(np.float64)
    if len(points) < FEWEST_POINTS:
        return np.eye(3)
    moved = points + flow[rows[chosen], columns[chosen]]
    rigid, agreeing = cv2.estimateAffinePartial2D(
        points, moved, method=cv2.RANSAC, ransacReprojThreshold=TOLERANCE_PX
    )
    motion, most = np.eye(3), float(np.mean(agreeing))
    if rigid is not None:
        motion[:2] = rigid
    bent, agreeing = cv2.findHomography(points, moved, cv2.USAC_MAGSAC, TOLERANCE_PX)
    if bent is not None and np.mean(agreeing) > BETTER_BY * most:
        motion, most = np.asarray(bent, np.float64), float(np.mean(agreeing))
    if most < FEWEST_AGREEING or not is_plausible(motion, first.shape):
        motion = np.eye(3)
        motion[:2, 2] = np.median(moved - points, axis=0)
    return motion


def is_plausible(motion: Matrix, size: tuple[int, ...]) -> bool:
    """Return whether a picture of `size` keeps its corners in order and roughly its area."""
    height, width = size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    moved = transformed(motion, corners)
    if not np.isfinite(moved).all():
        return False
    outline = moved.astype(np.float32)
    area = cv2.contourArea(outline, oriented=True) / (width * height)
    return cv2.isContourConvex(outline) and 1 / MOST_ZOOM < area < MOST_ZOOM


def transformed(motion: Matrix, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `points` ``(..., 2)``, x first, moved by `motion`; NaN for those behind the camera."""
    x, y = points[..., 0], points[..., 1]
    across, down, depth = (row[0] * x + row[1] * y + row[2] for row in motion)
    depth = np.where(depth > 1e-6, depth, np.nan)
    return np.stack([across / depth, down / depth], axis=-1)


def inverse(motion: Matrix) -> Matrix:
    """Return the inverse of `motion`."""
    return np.asarray(np.linalg.inv(motion), np.float64)


def seen_in(grey: NDArray[np.uint8], missing: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return where `grey` has enough texture to be followed and is far enough from the hole."""
    plane = grey.astype(np.float32)
    mean = cv2.blur(plane, (9, 9))
    deviation = np.sqrt(np.maximum(cv2.blur(plane * plane, (9, 9)) - mean * mean, 0))
    near = cv2.dilate(
        missing.astype(np.uint8), np.ones((2 * CLEARANCE_PX + 1, 2 * CLEARANCE_PX + 1), np.uint8)
    )
    return (deviation > TEXTURE) & (near == 0)
