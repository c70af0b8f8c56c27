"""The test of Mathieu et al. 2016 on clips whose scores are known."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from predictor.analysis.mathieu_protocol import measured_as_mathieu
from predictor.errors import UnusableData
from predictor.flow import dense_flow
from predictor.media.images import read_image
from predictor.metrics import moving_by_flow_color, moving_by_speed, official_scores, psnr
from predictor.tensors import IMAGE_RANGE


def write_clip(folder: Path, step_px: int, frames: int = 6, seed: int = 0) -> None:
    noise = np.random.default_rng(seed).random((64, 96 + step_px * frames, 3))
    picture = cv2.GaussianBlur((255 * noise).astype(np.uint8), (0, 0), 3)
    picture = cv2.normalize(picture, None, 0, 255, cv2.NORM_MINMAX)
    folder.mkdir(parents=True)
    for k in range(frames):
        part = picture[:, step_px * k : step_px * k + 96]
        cv2.imwrite(str(folder / f"{k:06d}.png"), part)


def darkened(clip: Tensor, count: int) -> Tensor:
    """A prediction that is off by a tenth everywhere."""
    return (clip[:, -1:].expand(-1, count, -1, -1, -1) - 0.2).clamp(-1, 1)


def read_clip(folder: Path) -> Tensor:
    return torch.stack([read_image(path) for path in sorted(folder.iterdir())])


def test_scores_are_those_of_the_pixels_that_move(tmp_path: Path) -> None:
    write_clip(tmp_path / "moves", 2)
    found = measured_as_mathieu(tmp_path, {"darkened": darkened})
    clip = read_clip(tmp_path / "moves")
    assert [row.method for row in found.by_reading["code"]][-1] == "darkened"
    for step, target in enumerate(clip[4:]):
        predicted = (clip[3:4] - 0.2).clamp(-1, 1)
        flow = dense_flow(clip[3 + step : 4 + step], target[None])
        code = official_scores(predicted, target[None], IMAGE_RANGE, moving_by_flow_color(flow))
        scores = found.by_reading["code"][-1].scores
        assert scores["psnr_db"][step] == pytest.approx(code.psnr_db.item(), abs=1e-4)
        assert scores["sharpness_db"][step] == pytest.approx(code.sharpness_db.item(), abs=1e-4)
        assert scores["ssim"][step] == pytest.approx(code.ssim.item(), abs=1e-4)
        paper = psnr(predicted, target[None], IMAGE_RANGE, moving_by_speed(flow))
        scores = found.by_reading["paper"][-1].scores
        assert scores["psnr_db"][step] == pytest.approx(paper.item(), abs=1e-4)


def test_a_clip_that_rests_counts_in_no_mean(tmp_path: Path) -> None:
    write_clip(tmp_path / "moves", 2)
    alone = measured_as_mathieu(tmp_path, {})
    write_clip(tmp_path / "rests", 0)
    both = measured_as_mathieu(tmp_path, {})
    assert (both.windows, both.videos) == (2, 2)
    for reading in ("code", "paper"):
        assert both.by_reading[reading] == alone.by_reading[reading]
        assert both.by_reading[reading][0].counted == (1, 1)
    resting = measured_as_mathieu(tmp_path, {}, names=["rests"])
    assert resting.by_reading["code"][0].scores["psnr_db"] == (None, None)


def test_a_method_sees_four_frames_and_is_asked_for_two(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip", 1)
    asked = []

    def spy(clip: Tensor, count: int) -> Tensor:
        asked.append((clip.clone(), count))
        return clip[:, -1:].expand(-1, count, -1, -1, -1)

    measured_as_mathieu(tmp_path, {"spy": spy})
    ((clip, count),) = asked
    assert count == 2
    assert torch.allclose(clip[0], read_clip(tmp_path / "clip")[:4], atol=1e-5)


def test_videos_too_short_are_named_and_a_name_that_is_not_there_refused(tmp_path: Path) -> None:
    write_clip(tmp_path / "long", 1)
    write_clip(tmp_path / "short", 1, frames=5)
    assert dict(measured_as_mathieu(tmp_path, {}).skipped).keys() == {"short"}
    with pytest.raises(UnusableData, match="lacks 1 videos, the first is other"):
        measured_as_mathieu(tmp_path, {}, names=["long", "other"])
