"""Metrics of images ``(N, C, H, W)``, one value for each example, and of sets of points.

`data_range` is the lowest and the highest value that a pixel can have, `IMAGE_RANGE` for images
of this project. Both ends matter: SSIM compares brightness above black.
"""

from predictor.metrics.assigned_classes import assigned_class_error, assigned_classes
from predictor.metrics.calibration import Calibration, calibration
from predictor.metrics.class_score import class_score
from predictor.metrics.frechet import frechet_distance
from predictor.metrics.moving import moving_by_flow_color, moving_by_speed
from predictor.metrics.neighbours import (
    Nearest,
    nearest,
    nearest_class_error,
    precision_and_recall,
)
from predictor.metrics.official import OfficialScores, official_scores
from predictor.metrics.parzen import SIGMAS, log_mean_exp, parzen_log_likelihood
from predictor.metrics.percent_error import percent_error
from predictor.metrics.psnr import psnr
from predictor.metrics.sharpness import sharpness
from predictor.metrics.ssim import ssim
from predictor.metrics.whitening import whitened

__all__ = [
    "SIGMAS",
    "Calibration",
    "Nearest",
    "OfficialScores",
    "assigned_class_error",
    "assigned_classes",
    "calibration",
    "class_score",
    "frechet_distance",
    "log_mean_exp",
    "moving_by_flow_color",
    "moving_by_speed",
    "nearest",
    "nearest_class_error",
    "official_scores",
    "parzen_log_likelihood",
    "percent_error",
    "precision_and_recall",
    "psnr",
    "sharpness",
    "ssim",
    "whitened",
]
