"""Scores of frames agree with the library's metrics; tables and curves lose nothing."""

import csv
from fractions import Fraction
from math import nan
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pipelines.frames.comparison import FrameScores, frame_psnr_db, frame_ssim, write_table
from pipelines.frames.plots import _thinned, write_curves
from predictor.metrics import psnr, ssim
from predictor.tensors import IMAGE_RANGE


@pytest.mark.parametrize("noise", [0.003, 0.1, 1.0])
def test_scores_equal_the_metrics(noise: float) -> None:
    generator = torch.Generator().manual_seed(0)
    truth = torch.rand(3, 40, 53, generator=generator) * 2 - 1
    truth[:, 20:] *= 0.05  # a flat part, where the constants of the formula decide
    prediction = (truth + noise * torch.randn(truth.shape, generator=generator)).clamp(-1, 1)
    assert frame_psnr_db(prediction, truth) == pytest.approx(
        psnr(prediction[None], truth[None], IMAGE_RANGE).item(), abs=1e-4
    )
    assert frame_ssim(prediction, truth) == pytest.approx(
        ssim(prediction[None], truth[None], IMAGE_RANGE).item(), abs=1e-4
    )


def test_equal_frames_have_the_cap_and_one() -> None:
    image = torch.linspace(-1, 1, 3 * 16 * 16).view(3, 16, 16)
    assert frame_psnr_db(image, image) == 60.0
    assert frame_ssim(image, image) == pytest.approx(1.0, abs=1e-6)


def scores(*psnr_db: float) -> FrameScores:
    made = FrameScores()
    for number, value in enumerate(psnr_db):
        made.add(Fraction(number, 25), value, value / 100)
    return made


def test_anomaly_is_one_where_the_least_was_foreseen() -> None:
    assert scores(20, 30, 40, 25).anomaly() == [1, 0.5, 0, 0.75]
    assert scores(30, 30).anomaly() == [0, 0]


def test_table_leaves_unpredicted_frames_empty(tmp_path: Path) -> None:
    made = scores(nan, 20, 40)
    made.cuts.append(2)
    write_table(tmp_path / "t.csv", made)
    with (tmp_path / "t.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["psnr_db"] for row in rows] == ["", "20.0000", "40.0000"]
    assert [row["anomaly_score"] for row in rows] == ["", "1.0000", "0.0000"]
    assert [row["is_cut"] for row in rows] == ["0", "0", "1"]
    assert rows[2]["time_s"] == "0.080000"
    mean = made.mean()
    assert mean is not None
    assert (mean.frames, mean.psnr_db) == (2, 30)


def test_one_outlier_among_many_frames_stays_visible() -> None:
    values = [30.0] * 100_000
    values[54_321] = 5.0
    points = _thinned([k / 25 for k in range(len(values))], values)
    assert len(points) < 3000
    assert min(value for _, value in points) == 5.0


def test_a_title_that_the_font_does_not_have_is_no_error(tmp_path: Path) -> None:
    for title in ("手 é.mp4", "? é.mp4"):
        write_curves(tmp_path / f"{len(title.encode())}.png", title, [0.0, 1.0], {"up": [0.0, 1.0]})
    first, second = (path.read_bytes() for path in tmp_path.iterdir())
    assert first == second


def test_curve_is_drawn_where_the_numbers_are(tmp_path: Path) -> None:
    write_curves(tmp_path / "c.png", "x", [0.0, 1.0, 2.0, 3.0], {"up": [0.0, 1.0, nan, 3.0]})
    with Image.open(tmp_path / "c.png") as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    blue = np.argwhere((pixels[..., 2] - pixels[..., 0]) > 100)
    blue = blue[(blue[:, 0] > 75) & (blue[:, 1] >= 80)]  # below the panel's name
    left = blue[blue[:, 1] < 100][:, 0].mean()
    right = blue[blue[:, 1] > 450][:, 0].min()
    assert left > right  # rises to the right
    assert not ((blue[:, 1] > 700) & (blue[:, 1] < 1200)).any()  # interrupted at the NaN
