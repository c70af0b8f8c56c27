"""The scores of the official test script of Mathieu et al. 2016, reproduced to compare with it.

To compare methods use `psnr`, `ssim` and `sharpness` with ``where=moving`` instead: these
scores average over the resting pixels too, which are equal by construction.
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
"""Examples of this PSNR or more enter none of the averages."""


@dataclass(frozen=True)
class OfficialScores:
    """Scores of each example, all of shape ``(N,)``."""

    psnr_db: Tensor
    ssim: Tensor
    sharpness_db: Tensor

    @property
    def is_counted(self) -> Tensor:
        """Which examples enter the averages: those whose PSNR is under 50 dB."""
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
    """Return what the official script measures on RGB images ``(N, 3, H, W)``.

    Where `moving` ``(N, 1, H, W)`` is false, both images are made black; then PSNR with a peak of
    255/128 over **all** pixels (equal images have 88.13 dB), SSIM of the luma with windows that
    reach over the border into black, and `sharpness` by ``mode="code"``. The script predicts
    two frames and takes the flow at the last input frame for the first, at the first target for
    the second (`moving_by_flow_color`).
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
    # A "full" convolution: every position where the window touches the image.
    reach = WINDOW - 1
    return functional.pad(brightness, (reach, reach, reach, reach))
