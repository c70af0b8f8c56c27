"""Pooling, resizing, and Laplacian pyramids that add up to the images again."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from predictor.errors import TensorContractError
from predictor.pyramid import (
    average_pooled,
    blurred_half,
    laplacian_pyramid,
    nearest_upsampled,
    pooled_at_factors,
    resized,
)


def pyramid_sum(coarsest: torch.Tensor, details: list[torch.Tensor]) -> torch.Tensor:
    """Return the images that a Laplacian pyramid was made of (Denton et al. 2015, eq. 4)."""
    images = coarsest
    for detail in details:
        images = resized(images, (detail.shape[-2], detail.shape[-1])) + detail
    return images


def test_each_block_becomes_its_mean():
    images = torch.arange(16.0).reshape(1, 1, 4, 4)
    expected = torch.tensor([[[[2.5, 4.5], [10.5, 12.5]]]])
    torch.testing.assert_close(average_pooled(images, 2), expected)


def test_a_clip_is_pooled_frame_by_frame():
    clip = torch.rand(2, 3, 3, 8, 16)
    pooled = average_pooled(clip, 4)
    for time in range(3):
        torch.testing.assert_close(pooled[:, time], average_pooled(clip[:, time], 4))


@settings(deadline=None, derandomize=True)
@given(factor=st.sampled_from([1, 2, 4]), rows=st.integers(1, 3), columns=st.integers(1, 3))
def test_pooling_undoes_nearest_upsampling(factor: int, rows: int, columns: int):
    images = torch.rand(2, 3, rows, columns)
    upsampled = nearest_upsampled(images, factor)
    assert upsampled.shape[-2:] == (rows * factor, columns * factor)
    torch.testing.assert_close(average_pooled(upsampled, factor), images)


def test_levels_go_from_coarse_to_fine_and_end_with_the_images():
    images = torch.rand(1, 3, 16, 24)
    levels = pooled_at_factors(images, (8, 4, 2, 1))
    assert [tuple(level.shape[-2:]) for level in levels] == [(2, 3), (4, 6), (8, 12), (16, 24)]
    assert torch.equal(levels[-1], images)
    # The mean over a block is the mean of the means over its equal parts.
    torch.testing.assert_close(average_pooled(levels[2], 4), levels[0])


def test_a_size_that_is_not_a_multiple_is_refused_by_name():
    with pytest.raises(TensorContractError, match="20x16, expected multiples of 8"):
        average_pooled(torch.rand(1, 3, 16, 20), 8)


@pytest.mark.parametrize(
    "sizes", [(8, 14, 28), (8, 16, 32), (4, 8, 16, 32, 64), (28,), (8, 16, 32, 64, 96)]
)
def test_details_added_to_coarse_images_make_the_image_again(sizes):
    images = torch.rand(2, 3, sizes[-1], sizes[-1], generator=torch.Generator().manual_seed(0))
    shapes = [(size, size) for size in sizes]
    coarsest, details = laplacian_pyramid(images, shapes)
    assert coarsest.shape[-1] == sizes[0]
    assert [coarse.shape[-1] for coarse, _ in details] == list(sizes[1:])
    again = pyramid_sum(coarsest, [detail for _, detail in details])
    torch.testing.assert_close(again, images, atol=1e-6, rtol=0)
    for coarse, detail in details[-1:]:
        torch.testing.assert_close(coarse + detail, images, atol=1e-6, rtol=0)


def test_a_blurred_half_is_the_mean_of_four_pixels_of_the_binomial_blur():
    images = torch.rand(1, 1, 8, 10, generator=torch.Generator().manual_seed(0))
    row = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    padded = functional.pad(images, (2, 2, 2, 2), mode="reflect")
    blurred = functional.conv2d(padded, torch.outer(row, row)[None, None])
    expected = functional.avg_pool2d(blurred, 2)
    torch.testing.assert_close(blurred_half(images, (4, 5)), expected)


def test_blurred_pyramid_makes_the_image_again():
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    coarsest, details = laplacian_pyramid(images, [(8, 8), (16, 16), (32, 32)], is_blurred=True)
    again = pyramid_sum(coarsest, [detail for _, detail in details])
    torch.testing.assert_close(again, images, atol=1e-6, rtol=0)
    plain, _ = laplacian_pyramid(images, [(8, 8), (16, 16), (32, 32)])
    assert not torch.allclose(coarsest, plain, atol=1e-3)
    with pytest.raises(TensorContractError, match="expected twice 9x9"):
        laplacian_pyramid(images, [(9, 9), (32, 32)], is_blurred=True)


def test_shrinking_averages_and_a_constant_stays():
    lines = torch.arange(16.0).remainder(2).expand(1, 1, 16, 16)
    assert (resized(lines, (16, 4)) - 0.5).abs().max() < 0.1  # not the values of every fourth line
    constant = torch.full((1, 3, 8, 8), 0.3)
    for size in ((14, 14), (5, 3)):
        torch.testing.assert_close(resized(constant, size), torch.full((1, 3, *size), 0.3))
    assert resized(constant.bfloat16(), (4, 4)).dtype == torch.float32


def test_resizing_is_bilinear_with_a_filter_as_wide_as_the_step():
    """The weights of every pixel, by hand: when halving, a triangle of two pixels each way."""
    impulses = torch.eye(8)[:, None, None]  # eight pictures of one row
    down = resized(impulses, (1, 4))[:, 0, 0].T
    expected = torch.tensor(
        [
            [3 / 7, 3 / 7, 1 / 7, 0, 0, 0, 0, 0],
            [0, 1 / 8, 3 / 8, 3 / 8, 1 / 8, 0, 0, 0],
            [0, 0, 0, 1 / 8, 3 / 8, 3 / 8, 1 / 8, 0],
            [0, 0, 0, 0, 0, 1 / 7, 3 / 7, 3 / 7],
        ]
    )
    torch.testing.assert_close(down, expected)
    up = resized(torch.eye(2)[:, None, None], (1, 4))[:, 0, 0].T
    torch.testing.assert_close(up, torch.tensor([[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]]))
