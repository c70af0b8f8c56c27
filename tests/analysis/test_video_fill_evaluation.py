from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from predictor.analysis import video_fill_evaluation
from predictor.analysis.video_fill_evaluation import (
    camera_motion_of,
    fixed_hole,
    most_moving,
    panned,
    scores,
)
from predictor.errors import UnusableData
from predictor.holes import Box, Hole
from predictor.media.encoding import EncodingOptions, VideoWriter
from predictor.media.images import write_png
from predictor.media.video import probe

SIZE = (60, 80)


class Grey:
    def fill(self, images: Tensor, masks: Tensor) -> Tensor:
        return images * (1 - masks)

    def seen(self, hole: Hole, size: tuple[int, int]) -> Box:
        return hole.box


def detailed(seed: int = 0, size: tuple[int, int] = (90, 260)) -> Tensor:
    coarse = torch.rand(
        1, 3, size[0] // 4, size[1] // 4, generator=torch.Generator().manual_seed(seed)
    )
    fine = torch.nn.functional.interpolate(coarse, size, mode="bicubic", align_corners=False)
    return (fine[0] * 2 - 1).clamp(-1, 1)


def test_holes_are_a_tenth_and_in_turn() -> None:
    holes = [fixed_hole((240, 320), number)[0, 0] for number in range(4)]
    for hole in holes:
        assert hole.mean() == pytest.approx(0.1, abs=0.002)
    centres = [np.argwhere(hole.numpy()).mean(0) / (240, 320) for hole in holes]
    assert (centres[0] > 0.7).all()
    assert np.allclose(centres[1], 0.5, atol=0.01)
    assert (centres[2] < 0.3).all()
    assert torch.equal(holes[3], holes[0])


def test_scores_of_a_fill_that_is_known() -> None:
    # The hole alternates between 0.5 and 0.3: a fill of 0 is off by just that.
    frames = [torch.full((3, *SIZE), 0.5) for _ in range(6)]
    mask = fixed_hole(SIZE, 1)
    for number, frame in enumerate(frames):
        frame[:, mask[0, 0] > 0] = 0.5 if number % 2 == 0 else 0.3
        frame[:, mask[0, 0] == 0] += 0.1 * number
    own = scores("a", frames, Grey(), mask)
    expected = np.mean([10 * np.log10(4 / level**2) for level in (0.5, 0.3)])
    assert own.alone_psnr_db == pytest.approx(expected, abs=1e-3)
    assert own.gain_db == pytest.approx(own.psnr_db - expected, abs=1e-3)
    assert own.alone_change == 0
    assert own.true_change == pytest.approx(2, abs=1e-3)
    assert own.frames == 6


def test_what_a_pan_shows_is_worth_much() -> None:
    frames = panned(detailed(), SIZE, (4.3, 0.4), 14)
    own = scores("pan", frames, Grey(), fixed_hole(SIZE, 1))
    assert own.gain_db > 10


def test_a_pan_moves_by_its_step() -> None:
    picture = detailed()
    frames = panned(picture, SIZE, (3, 1), 4)
    for number, frame in enumerate(frames):
        top, left = 2 + number, 2 + 3 * number
        assert (frame - picture[:, top : top + 60, left : left + 80]).abs().max() < 1e-5
    with pytest.raises(UnusableData, match="the picture is 260x90, expected at least"):
        panned(picture, SIZE, (30, 1), 40)


def written(path: Path, frames: list[Tensor]) -> Path:
    write_png(path.with_suffix(".d") / "0.png", frames[0])
    like = probe(path.with_suffix(".d"))
    with VideoWriter(path, like, SIZE, options=EncodingOptions(codec="h264")) as writer:
        for number, frame in enumerate(frames):
            writer.write(frame, number / like.average_rate)
    return path


def test_clips_are_chosen_by_the_motion_of_their_camera(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video_fill_evaluation, "MOTION_FRAMES", 6)
    paths = []
    for name, step in (("a", 0.0), ("b", 4.0), ("c", 2.0)):
        (tmp_path / f"{name}.d").mkdir()
        paths.append(written(tmp_path / f"{name}.mp4", panned(detailed(), SIZE, (step, 0), 6)))
    assert camera_motion_of(paths[0]) < 0.001
    assert camera_motion_of(paths[1]) == pytest.approx(4 / 80, rel=0.1)
    (tmp_path / "d.mp4").write_bytes(b"")
    assert most_moving([*paths, tmp_path / "d.mp4"], 2) == paths[1:]
    with pytest.raises(UnusableData, match="3 readable videos, expected at least 4"):
        most_moving(paths, 4)
