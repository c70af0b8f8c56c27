"""How predicted frames compare with the frames that came, cheap enough for every frame of a video.

The numbers are those of `predictor.metrics`; its structural similarity takes eight times as long,
which would be longer than the prediction.
"""

import csv
from dataclasses import dataclass, field
from fractions import Fraction
from math import isnan, log10, nan
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pipelines.frames.result import Comparison
from predictor.tensors import IMAGE_RANGE, PSNR_CAP_DB

_WINDOW = 11
_KERNEL = cv2.getGaussianKernel(_WINDOW, 1.5, cv2.CV_32F)
_WIDTH = IMAGE_RANGE[1] - IMAGE_RANGE[0]


def frame_psnr_db(prediction: Tensor, truth: Tensor) -> float:
    """Return the peak signal-to-noise ratio of two images ``(3, H, W)`` in [-1, 1], at most 60."""
    difference = cv2.subtract(prediction.numpy().reshape(-1), truth.numpy().reshape(-1))
    squared = float(cv2.norm(difference, cv2.NORM_L2SQR)) / difference.size
    least = _WIDTH**2 / 10 ** (PSNR_CAP_DB / 10)
    return 10 * log10(_WIDTH**2 / max(squared, least))


def frame_ssim(prediction: Tensor, truth: Tensor) -> float:
    """Return the mean structural similarity of two images ``(3, H, W)`` in [-1, 1].

    Wang et al. 2004, as `predictor.metrics.ssim`; NaN for images smaller than its window of 11.
    """
    if min(prediction.shape[-2:]) < _WINDOW:
        return nan
    planes = [
        _plane_ssim(first - IMAGE_RANGE[0], second - IMAGE_RANGE[0])
        for first, second in zip(prediction.numpy(), truth.numpy(), strict=True)
    ]
    return sum(planes) / len(planes)


def _plane_ssim(x: NDArray[np.float32], y: NDArray[np.float32]) -> float:
    """Return (2 mx my + c1)(2 cov + c2) / ((mx² + my² + c1)(vx + vy + c2)), the mean over windows.

    In place, since memory traffic is what it costs; the two variances are needed as a sum only.
    """
    c1, c2 = (0.01 * _WIDTH) ** 2, (0.03 * _WIDTH) ** 2
    mean_x, mean_y = _blurred(x), _blurred(y)
    covariance = _blurred(cv2.multiply(x, y))
    squares = cv2.multiply(x, x)
    cv2.accumulateSquare(y, squares)
    variances = _blurred(squares)
    product = cv2.multiply(mean_x, mean_y)
    squared_means = cv2.multiply(mean_x, mean_x)
    cv2.accumulateSquare(mean_y, squared_means)
    covariance -= product
    variances -= squared_means
    numerator = (2 * product + c1) * (2 * covariance + c2)
    denominator = (squared_means + c1) * (variances + c2)
    margin = slice(_WINDOW // 2, -(_WINDOW // 2))
    return float(cv2.mean(cv2.divide(numerator, denominator)[margin, margin])[0])


def _blurred(plane: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(cv2.sepFilter2D(plane, cv2.CV_32F, _KERNEL, _KERNEL), np.float32)


@dataclass
class FrameScores:
    """Three numbers a frame, nothing larger; NaN where nothing was predicted."""

    times: list[Fraction] = field(default_factory=list)
    psnr_db: list[float] = field(default_factory=list)
    ssim: list[float] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    """Numbers of the frames that begin a new shot."""

    def add(self, time: Fraction, psnr_db: float = nan, ssim: float = nan) -> None:
        """Take the scores of the next frame."""
        self.times.append(time)
        self.psnr_db.append(psnr_db)
        self.ssim.append(ssim)

    def anomaly(self) -> list[float]:
        """Return 1 - (PSNR - least) / (most - least) a frame: 1 where the least was foreseen.

        Liu et al. 2018, "Future frame prediction for anomaly detection", eq. 8. It compares frames
        of one video; 0 throughout where all are equal.
        """
        known = [value for value in self.psnr_db if not isnan(value)]
        if not known:
            return list(self.psnr_db)
        least, most = min(known), max(known)
        return [
            value if isnan(value) else (most - value) / ((most - least) or 1)
            for value in self.psnr_db
        ]

    def mean(self) -> Comparison | None:
        """Return the means over the frames that were predicted; None where none was."""
        psnr = [value for value in self.psnr_db if not isnan(value)]
        ssim = [value for value in self.ssim if not isnan(value)]
        if not psnr:
            return None
        return Comparison(len(psnr), sum(psnr) / len(psnr), sum(ssim) / len(ssim) if ssim else nan)


def write_table(path: Path, scores: FrameScores) -> None:
    """Write one row a frame as CSV; numbers of frames that were not predicted are empty."""
    cuts = set(scores.cuts)
    columns = (scores.times, scores.psnr_db, scores.ssim, scores.anomaly())
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["frame", "time_s", "psnr_db", "ssim", "anomaly_score", "is_cut"])
        for number, (time, *values) in enumerate(zip(*columns, strict=True)):
            shown = ["" if isnan(value) else f"{value:.4f}" for value in values]
            writer.writerow([number, f"{float(time):.6f}", *shown, int(number in cuts)])
