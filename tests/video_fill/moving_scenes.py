"""Clips in which the camera moves as told, for the tests of filling a fixed mask."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

HEIGHT, WIDTH = 96, 128
HOLE = (slice(34, 62), slice(50, 86))


def scene(seed: int = 0, size: tuple[int, int] = (220, 420)) -> NDArray[np.float32]:
    """Return a picture ``(H, W, 3)`` in [-1, 1] with detail at several scales."""
    generator = np.random.default_rng(seed)
    total = np.zeros((*size, 3), np.float32)
    for sigma, amount in ((2, 1.0), (5, 1.0), (14, 1.5)):
        noise = generator.standard_normal((*size, 3)).astype(np.float32)
        smooth = cv2.GaussianBlur(noise, (0, 0), sigma)
        total += amount * smooth / smooth.std()
    return (total / 7).clip(-1, 1)


def seen_from(
    picture: NDArray[np.float32], places: Sequence[tuple[float, float]], turn: float = 0.0
) -> list[Tensor]:
    """Return frames ``(3, H, W)`` whose corner lies at `places` (x, y), turned more each time."""
    frames = []
    for number, (x, y) in enumerate(places):
        c, s = np.cos(turn * number), np.sin(turn * number)
        motion = np.array([[c, -s, x], [s, c, y]])
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        frame = cv2.warpAffine(picture, motion, (WIDTH, HEIGHT), flags=flags)
        frames.append(torch.from_numpy(np.ascontiguousarray(frame.transpose(2, 0, 1))))
    return frames


def pan(count: int = 40, step: tuple[float, float] = (2.3, 0.4), seed: int = 0) -> list[Tensor]:
    """Return a clip in which the camera moves by `step` pixels a frame."""
    places = [(8 + step[0] * number, 8 + step[1] * number) for number in range(count)]
    return seen_from(scene(seed), places)


def hole_mask() -> Tensor:
    """Return a mask ``(1, 1, H, W)`` of a box in the middle, 8 % of the frame."""
    mask = torch.zeros(1, 1, HEIGHT, WIDTH)
    mask[0, 0][HOLE] = 1
    return mask


def psnr(found: Sequence[Tensor], truth: Sequence[Tensor], where: Tensor) -> float:
    """Return the signal-to-noise ratio in dB of all frames where the mask is 1."""
    missing = where[0, 0] > 0.5
    error = (torch.stack([*found]) - torch.stack([*truth]))[:, :, missing].square().mean()
    return float(10 * (4 / error).log10())
