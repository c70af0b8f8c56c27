"""SSIM: scikit-image, closed forms, and masks of windows."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from predictor.errors import TensorContractError
from predictor.metrics import ssim
from predictor.tensors import IMAGE_RANGE


def images(seed: int = 0, height: int = 20, width: int = 27) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    target = torch.rand(2, 3, height, width, generator=generator, dtype=torch.float64) * 2 - 1
    noise = torch.randn(target.shape, generator=generator, dtype=torch.float64)
    return (target + 0.3 * noise).clamp(-1, 1), target


@settings(max_examples=10, deadline=None, derandomize=True)
@given(st.integers(0, 10_000), st.integers(11, 30), st.integers(11, 30))
def test_scikit_image_agrees_on_each_example(seed: int, height: int, width: int) -> None:
    prediction, target = images(seed, height, width)
    expected = [
        structural_similarity(
            # From black up: scikit-image does not know where the range begins.
            (x.numpy() + 1),
            (y.numpy() + 1),
            data_range=2,
            channel_axis=0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        for x, y in zip(prediction, target, strict=True)
    ]
    torch.testing.assert_close(
        ssim(prediction, target, IMAGE_RANGE),
        torch.tensor(expected, dtype=torch.float64),
        rtol=0,
        atol=1e-10,
    )


def test_equal_images_are_exactly_similar() -> None:
    _, target = images()
    torch.testing.assert_close(ssim(target, target, IMAGE_RANGE), torch.ones(2).double())
    black = torch.full((1, 3, 16, 16), -1.0)
    assert ssim(black, black, IMAGE_RANGE).item() == 1.0


def test_brightness_is_counted_from_black() -> None:
    # Flat images at a and b of [0, 1] by hand; in [-1, 1] without the shift one mean would be 0.
    a, b, c1 = 0.5, 0.6, 0.01**2
    expected = (2 * a * b + c1) / (a**2 + b**2 + c1)
    flat = torch.ones(1, 3, 12, 12, dtype=torch.float64)
    score = ssim(flat * (2 * a - 1), flat * (2 * b - 1), IMAGE_RANGE)
    assert score.item() == pytest.approx(expected)


def test_the_range_only_sets_the_unit() -> None:
    prediction, target = images()
    torch.testing.assert_close(
        ssim(prediction, target, IMAGE_RANGE),
        ssim((prediction + 1) * 127.5, (target + 1) * 127.5, (0, 255)),
    )


def test_only_windows_on_some_pixels_count() -> None:
    prediction, target = images(height=31, width=31)
    where = torch.zeros(2, 1, 31, 31, dtype=torch.bool)
    where[..., 10, 12] = True
    # The 11 x 11 pixels around that one are a whole image with a single window.
    expected = ssim(prediction[..., 5:16, 7:18], target[..., 5:16, 7:18], IMAGE_RANGE)
    torch.testing.assert_close(ssim(prediction, target, IMAGE_RANGE, where), expected)
    all_pixels = ssim(prediction, target, IMAGE_RANGE, torch.ones(2, 1, 31, 31))
    torch.testing.assert_close(all_pixels, ssim(prediction, target, IMAGE_RANGE))


def test_images_smaller_than_the_window_are_refused() -> None:
    with pytest.raises(TensorContractError, match="20x10, expected at least 11x11"):
        ssim(torch.rand(1, 3, 10, 20), torch.rand(1, 3, 10, 20), IMAGE_RANGE)
