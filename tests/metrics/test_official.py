"""The official scores of Mathieu et al. 2016: closed forms, and the script redone in numpy."""

from math import log10

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import convolve2d
from torch import Tensor

from predictor.metrics import moving_by_flow_color, official_scores, psnr, sharpness
from predictor.tensors import IMAGE_RANGE


def images(seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    target = torch.rand(2, 3, 18, 25, generator=generator, dtype=torch.float64) * 2 - 1
    noise = torch.randn(target.shape, generator=generator, dtype=torch.float64)
    return (target + 0.3 * noise).clamp(-1, 1), target


def everywhere(images: Tensor) -> Tensor:
    return torch.ones_like(images[:, :1], dtype=torch.bool)


def test_equal_images_have_88_1308_db() -> None:
    _, target = images()
    scores = official_scores(target, target, IMAGE_RANGE, everywhere(target))
    assert scores.psnr_db.tolist() == pytest.approx([88.1308] * 2, abs=5e-5)
    assert scores.sharpness_db.tolist() == pytest.approx([88.1308] * 2, abs=5e-5)
    torch.testing.assert_close(scores.ssim, torch.ones(2, dtype=torch.float64))


@settings(deadline=None, derandomize=True)
@given(st.floats(0.001, 2))
def test_constant_offset(delta: float) -> None:
    target = torch.full((1, 3, 12, 12), -1.0, dtype=torch.float64)
    scores = official_scores(target + delta, target, IMAGE_RANGE, everywhere(target))
    expected = 20 * log10(255 / 128) - 20 * log10(delta)
    assert scores.psnr_db.item() == pytest.approx(expected)
    assert expected == pytest.approx(5.9866 - 20 * log10(delta), abs=1e-3)


def test_a_clip_at_rest_enters_no_average() -> None:
    prediction, target = images()
    flow = torch.zeros(2, 2, 18, 25)
    flow[0, 0, 4:9, 5:15] = 3.0
    scores = official_scores(prediction, target, IMAGE_RANGE, moving_by_flow_color(flow))
    assert scores.is_counted.tolist() == [True, False]
    assert scores.psnr_db[1].item() == pytest.approx(88.1308, abs=5e-5)
    assert scores.means() == pytest.approx(
        {
            "psnr_db": scores.psnr_db[0].item(),
            "ssim": scores.ssim[0].item(),
            "sharpness_db": scores.sharpness_db[0].item(),
        }
    )


def test_without_a_moving_clip_there_is_no_average() -> None:
    _, target = images()
    means = official_scores(target, target, IMAGE_RANGE, everywhere(target)).means()
    assert all(np.isnan(mean) for mean in means.values())


def test_resting_pixels_raise_the_psnr() -> None:
    # With a fraction f moving, by 10 log10(1 / f) over the moving pixels alone.
    prediction, target = images()
    moving = everywhere(target)
    moving[..., 6:] = False
    scores = official_scores(prediction, target, IMAGE_RANGE, moving)
    alone = psnr(prediction, target, IMAGE_RANGE, where=moving)
    expected = alone + 10 * log10(25 / 6) + 20 * log10(255 / 256)
    torch.testing.assert_close(scores.psnr_db, expected)


def ssim_by_scipy(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    window /= window.sum()

    def blurred(image: NDArray[np.float64]) -> NDArray[np.float64]:
        return convolve2d(image, window, mode="full")

    x, y = (np.tensordot([0.299, 0.587, 0.114], (one + 1) / 2 * 255, axes=1) for one in (x, y))
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mu_x, mu_y = blurred(x), blurred(y)
    var_x, var_y = blurred(x * x) - mu_x**2, blurred(y * y) - mu_y**2
    covariance = blurred(x * y) - mu_x * mu_y
    luminance = (2 * mu_x * mu_y + c1) / (mu_x**2 + mu_y**2 + c1)
    return float((luminance * (2 * covariance + c2) / (var_x + var_y + c2)).mean())


def test_ssim_is_that_of_the_luma_with_full_windows() -> None:
    prediction, target = images()
    moving = everywhere(target)
    moving[..., 3:7, 10:20] = False
    scores = official_scores(prediction, target, IMAGE_RANGE, moving)
    masked = [torch.where(moving, one, -1.0).numpy() for one in (prediction, target)]
    expected = [ssim_by_scipy(x, y) for x, y in zip(*masked, strict=True)]
    assert scores.ssim.tolist() == pytest.approx(expected, abs=1e-9)
    single = official_scores(prediction.float(), target.float(), IMAGE_RANGE, moving).ssim
    assert single.tolist() == pytest.approx(expected, abs=1e-5)


def test_sharpness_sees_the_edges_of_the_mask() -> None:
    prediction, target = images()
    moving = everywhere(target)
    moving[..., 3:7, 10:20] = False
    scores = official_scores(prediction, target, IMAGE_RANGE, moving)
    masked = [torch.where(moving, one, -1.0) for one in (prediction, target)]
    torch.testing.assert_close(scores.sharpness_db, sharpness(*masked, IMAGE_RANGE, mode="code"))


def test_the_range_only_sets_the_unit() -> None:
    prediction, target = images()
    moving = everywhere(target)
    moving[..., 4:, :] = False
    one = official_scores(prediction, target, IMAGE_RANGE, moving)
    other = official_scores((prediction + 1) / 2, (target + 1) / 2, (0, 1), moving)
    torch.testing.assert_close(one.psnr_db, other.psnr_db)
    torch.testing.assert_close(one.ssim, other.ssim)
    torch.testing.assert_close(one.sharpness_db, other.sharpness_db)
