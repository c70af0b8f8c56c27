"""Sharpness by the paper and by its code: boards worked out by hand, and a loop over pixels."""

from math import log10

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from predictor.errors import TensorContractError
from predictor.metrics import sharpness
from predictor.tensors import IMAGE_RANGE


def checkerboard(height: int = 6, width: int = 8) -> Tensor:
    rows, columns = torch.arange(height)[:, None], torch.arange(width)
    return (1.0 - 2.0 * ((rows + columns) % 2)).double().expand(1, 3, height, width)


def stripes(height: int = 6, width: int = 8) -> Tensor:
    return (1.0 - 2.0 * (torch.arange(width) % 2)).double().expand(1, 3, height, width)


def test_paper_and_code_differ_on_a_checkerboard() -> None:
    # Against a flat target every step of the checkerboard is 2 and missing: 4 a pixel. The paper
    # takes the mean of 4 over 5 x 7 pixels; the code sums 4 over 4 x 6 and divides by 6 x 8.
    flat = torch.zeros_like(checkerboard())
    paper = sharpness(flat, checkerboard(), IMAGE_RANGE).item()
    code = sharpness(flat, checkerboard(), IMAGE_RANGE, mode="code").item()
    assert paper == pytest.approx(10 * log10(2**2 / 4))
    assert code == pytest.approx(10 * log10((255 / 128) ** 2 / (4 * 24 / 48)))


def test_only_the_code_tells_edges_of_another_direction() -> None:
    # Stripes across and along: 2 + 0 is 0 + 2 to the paper, two errors of 2 to the code.
    across, along = stripes(8, 8), stripes(8, 8).transpose(-1, -2)
    assert sharpness(across, along, IMAGE_RANGE).isposinf().all()
    code = sharpness(across, along, IMAGE_RANGE, mode="code").item()
    assert code == pytest.approx(10 * log10((255 / 128) ** 2 / (4 * 36 / 64)))


def by_loop(y_hat: NDArray[np.float64], y: NDArray[np.float64], mode: str) -> float:
    channels, height, width = y.shape
    last_row, last_column = (height, width) if mode == "paper" else (height - 1, width - 1)
    total = 0.0
    for c in range(channels):
        for i in range(1, last_row):
            for j in range(1, last_column):
                down = abs(y[c, i, j] - y[c, i - 1, j])
                right = abs(y[c, i, j] - y[c, i, j - 1])
                down_hat = abs(y_hat[c, i, j] - y_hat[c, i - 1, j])
                right_hat = abs(y_hat[c, i, j] - y_hat[c, i, j - 1])
                if mode == "paper":
                    total += abs((down + right) - (down_hat + right_hat))
                else:
                    total += abs(down_hat - down) + abs(right_hat - right)
    if mode == "paper":
        return 10 * log10(4 / (total / (channels * (height - 1) * (width - 1))))
    return 10 * log10(255**2 / (128**2 * total / (channels * height * width)))


@pytest.mark.parametrize("mode", ["paper", "code"])
def test_a_loop_over_the_pixels_agrees(mode) -> None:
    generator = torch.Generator().manual_seed(0)
    prediction, target = torch.rand(2, 3, 3, 5, 7, generator=generator, dtype=torch.float64) * 2 - 1
    pairs = zip(prediction.numpy(), target.numpy(), strict=True)
    expected = torch.tensor([by_loop(x, y, mode) for x, y in pairs], dtype=torch.float64)
    torch.testing.assert_close(sharpness(prediction, target, IMAGE_RANGE, mode), expected)
    # Another unit of the input is not another score.
    torch.testing.assert_close(
        sharpness((prediction + 1) * 127.5, (target + 1) * 127.5, (0, 255), mode), expected
    )


def test_equal_images() -> None:
    board = checkerboard()
    assert sharpness(board, board, IMAGE_RANGE).isposinf().all()
    assert sharpness(board, board, IMAGE_RANGE, cap_db=60).item() == 60
    noise = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert sharpness(noise, noise, IMAGE_RANGE).isposinf().all()
    code = sharpness(board, board, IMAGE_RANGE, mode="code").item()
    assert code == pytest.approx(88.1308, abs=5e-5)


@pytest.mark.parametrize(("mode", "ratio"), [("paper", 399 / 200), ("code", 2)])
def test_only_some_pixels_count(mode, ratio: float) -> None:
    # The left half is equal, so the mean over the right half is twice that over all pixels; the
    # paper's differences lack the first column.
    target = checkerboard(40, 400).contiguous()
    prediction = target.clone()
    prediction[..., 200:] = 0
    where = torch.zeros(1, 1, 40, 400, dtype=torch.bool)
    where[..., 200:] = True
    everywhere = sharpness(prediction, target, IMAGE_RANGE, mode)
    torch.testing.assert_close(
        sharpness(prediction, target, IMAGE_RANGE, mode, torch.ones_like(where)), everywhere
    )
    right = sharpness(prediction, target, IMAGE_RANGE, mode, where)
    assert (everywhere - right).item() == pytest.approx(10 * log10(ratio))


def test_no_counted_pixel_is_nan_in_both_modes() -> None:
    where = torch.zeros(1, 1, 6, 8)
    flat = torch.zeros_like(checkerboard())
    assert sharpness(flat, checkerboard(), IMAGE_RANGE, where=where).isnan().all()
    assert sharpness(flat, checkerboard(), IMAGE_RANGE, "code", where).isnan().all()


@pytest.mark.parametrize(("mode", "smallest"), [("paper", 2), ("code", 3)])
def test_too_small_images_are_refused(mode, smallest: int) -> None:
    small = torch.zeros(1, 3, smallest - 1, 9)
    with pytest.raises(TensorContractError, match=f"9x{smallest - 1}, expected at least"):
        sharpness(small, small, IMAGE_RANGE, mode)
