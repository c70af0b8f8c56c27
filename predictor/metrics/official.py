"""The scores of the official test script of Mathieu et al. 2016, to compare with its numbers.

To compare methods, use `psnr`, `ssim` and `sharpness` with ``where=moving`` instead: the scores of
the script also average over the resting pixels, which it makes equal.
"""

from dataclasses import dataclass

import torch
from kornia.metrics import ssim as ssim_map
from torch import Tensor
from torch.nn import functional

from predictor.flow import luma
from predictor.metrics.masked import mean_over_pixels, require_pair
from predictor.metrics.sharpness import CODE_FLOOR, CODE_PEAK, sharpness
from predictor.metrics.ssim import WINDOW
from predictor.tensors import IMAGE_RANGE, require_images, rescaled

SKIPPED_FROM_DB = 50.0
"""Examples with this PSNR or more are left out of all averages."""


@dataclass(frozen=True)
class OfficialScores:
    """Scores of each example, all of shape ``(N,)``."""

    psnr_db: Tensor
    ssim: Tensor
    sharpness_db: Tensor

    @property
    def is_counted(self) -> Tensor:
        """Which examples enter the averages: those with a PSNR below 50 dB, bool ``(N,)``."""
        return self.psnr_db < SKIPPED_FROM_DB

    def means(self) -> dict[str, float]:
        """Return the average of each score over the counted examples, NaN if there is none."""
        counted = self.is_counted
        return {
            "psnr_db": self.psnr_db[counted].mean().item(),
            "ssim": self.ssim[counted].mean().item(),
            "sharpness_db": self.sharpness_db[counted].mean().item(),
        }


def official_scores(
    prediction: Tensor, target: Tensor, data_range: tuple[float, float], moving: Tensor
) -> OfficialScores:
    """Return the scores of the official script for RGB images ``(N, 3, H, W)``.

    Where `moving` ``(N, 1, H, W)`` is false both images are blackened. The scores are PSNR over all
    pixels with a peak of 255/128 (88.13 dB for equal images), SSIM of the luma over all windows
    that overlap the image (black beyond its border), and `sharpness` by ``mode="code"``. The script
    predicts two frames, and takes the flow that says what moves (`moving_by_flow_color`) at the
    last input frame for the first of them, and at the first target for the second.
    """
    prediction, target = require_pair(prediction, target, moving)
    require_images(prediction, "prediction")
    prediction = _blackened(rescaled(prediction, data_range, IMAGE_RANGE), moving)
    target = _blackened(rescaled(target, data_range, IMAGE_RANGE), moving)
    error = mean_over_pixels((prediction - target).square()).clamp(min=CODE_FLOOR)
    return OfficialScores(
        psnr_db=10 * (CODE_PEAK**2 / error).log10(),
        ssim=_luma_ssim(prediction, target),
        sharpness_db=sharpness(prediction, target, IMAGE_RANGE, mode="code"),
    )


def _blackened(images: Tensor, moving: Tensor) -> Tensor:
    return torch.where(moving.bool(), images, IMAGE_RANGE[0])


def _luma_ssim(prediction: Tensor, target: Tensor) -> Tensor:
    similarity = ssim_map(
        _luma_on_black(prediction),
        _luma_on_black(target),
        WINDOW,
        max_val=255.0,
        eps=0.0,
        padding="valid",
    )
    return mean_over_pixels(similarity)


def _luma_on_black(images: Tensor) -> Tensor:
    brightness = luma(rescaled(images, IMAGE_RANGE, (0.0, 255.0)))
    # a "full" convolution: every position at which the window overlaps the image
    reach = WINDOW - 1
    return functional.pad(brightness, (reach, reach, reach, reach))
