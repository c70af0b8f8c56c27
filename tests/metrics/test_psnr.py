"""PSNR: a closed form, scikit-image, ranges, masks and caps."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio

from predictor.errors import TensorContractError
from predictor.metrics import psnr
from predictor.tensors import IMAGE_RANGE


def images(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    target = torch.rand(3, 3, 12, 17, generator=generator) * 2 - 1
    noise = (
        torch.randn(target.shape, generator=generator)
        * torch.tensor([0.01, 0.1, 0.5])[:, None, None, None]
    )
    return (target + noise).clamp(-1, 1), target


@settings(deadline=None, derandomize=True)
@given(st.floats(0.001, 2))
def test_constant_error(offset: float) -> None:
    target = torch.full((1, 3, 4, 5), -1.0, dtype=torch.float64)
    expected = 20 * np.log10(2 / offset)
    assert psnr(target + offset, target, IMAGE_RANGE).item() == pytest.approx(expected)


def test_scikit_image_agrees_on_each_example() -> None:
    prediction, target = images()
    expected = [
        peak_signal_noise_ratio(y.numpy(), x.numpy(), data_range=2)
        for x, y in zip(prediction, target, strict=True)
    ]
    torch.testing.assert_close(
        psnr(prediction, target, IMAGE_RANGE).double(), torch.tensor(expected), rtol=1e-5, atol=0
    )


def test_the_range_only_sets_the_unit() -> None:
    prediction, target = images()
    torch.testing.assert_close(
        psnr(prediction, target, (-1, 1)), psnr(prediction * 127.5, target * 127.5, (0, 255))
    )


def test_equal_images_reach_infinity_or_the_cap() -> None:
    prediction, target = images()
    assert psnr(target, target, IMAGE_RANGE).isposinf().all()
    capped = psnr(torch.stack((prediction[0], target[0])), target[[0, 0]], IMAGE_RANGE, cap_db=60)
    assert capped[0] == psnr(prediction, target, IMAGE_RANGE)[0] < 60
    assert capped[1] == 60


def test_only_some_pixels_count() -> None:
    prediction, target = images()
    where = torch.zeros(3, 1, 12, 17, dtype=torch.bool)
    where[..., 2:7, 3:9] = True
    expected = psnr(prediction[..., 2:7, 3:9], target[..., 2:7, 3:9], IMAGE_RANGE)
    torch.testing.assert_close(psnr(prediction, target, IMAGE_RANGE, where), expected)


def test_an_example_without_counted_pixels_is_nan_and_spoils_no_other() -> None:
    prediction, target = images()
    where = torch.ones(3, 1, 12, 17)
    where[1] = 0
    scores = psnr(prediction, target, IMAGE_RANGE, where, cap_db=60)
    assert scores.isnan().tolist() == [False, True, False]


def test_half_precision_is_measured_in_float32() -> None:
    target = torch.zeros(1, 3, 64, 64)
    prediction = torch.full_like(target, 0.0625)
    scores = psnr(prediction.bfloat16(), target.bfloat16(), IMAGE_RANGE)
    assert scores.dtype == torch.float32
    assert scores.item() == pytest.approx(20 * np.log10(32), rel=1e-6)


@pytest.mark.parametrize(
    ("prediction", "target", "where", "message"),
    [
        (torch.rand(1, 3, 4, 5), torch.rand(1, 3, 5, 4), None, r"\(1, 3, 4, 5\) and target"),
        (torch.rand(3, 4, 5), torch.rand(3, 4, 5), None, r"one shape \(N, C, H, W\)"),
        (torch.ones(1, 3, 4, 5).byte(), torch.rand(1, 3, 4, 5), None, "torch.uint8"),
        (*torch.rand(2, 1, 3, 4, 5), torch.ones(1, 3, 4, 5), r"where .* expected \(1, 1, 4, 5\)"),
    ],
)
def test_what_does_not_fit_is_refused(prediction, target, where, message: str) -> None:
    with pytest.raises(TensorContractError, match=message):
        psnr(prediction, target, IMAGE_RANGE, where)
