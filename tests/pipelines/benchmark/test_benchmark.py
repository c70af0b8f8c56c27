"""Each number of the benchmark is what it says, and stands beside the right bar."""

import io
import itertools
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from rich.console import Console

from pipelines.benchmark import frames
from pipelines.benchmark.clips import LOOP_S, RATE, copy_repeated, moving_frames, write_clip
from pipelines.benchmark.frames import quality_rows, speed_rows
from pipelines.benchmark.rows import Row, benchmark_table
from predictor.analysis.frames_evaluation import (
    CONSTANT_VELOCITY,
    MEASURES,
    REPEAT_LAST,
    Evaluation,
    WindowScores,
)
from predictor.data import EvaluationWindows, VideoIndex

NAN = float("nan")


@pytest.mark.parametrize(
    ("row", "is_met", "target"),
    [
        (Row("a", 1.0, "s", at_most=1.0), True, "≤ 1"),
        (Row("a", 1.01, "s", at_most=1.0), False, "≤ 1"),
        (Row("a", 0.7, "dB", at_least=0.7), True, "≥ 0.7"),
        (Row("a", 0.69, "dB", at_least=0.7), False, "≥ 0.7"),
        (Row("a", NAN, "dB", at_least=0.7), False, "≥ 0.7"),
        (Row("a", NAN, "s", at_most=0.7), False, "≤ 0.7"),
        (Row("a", 5.0, "s"), None, ""),
    ],
)
def test_target_is_met_on_its_own_side(row: Row, is_met: bool | None, target: str) -> None:
    assert row.is_met is is_met
    assert row.target == target


def test_table_says_met_and_missed() -> None:
    screen = io.StringIO()
    rows = [Row("fast", 0.5, "s", at_most=1), Row("slow", 812.4, "s", at_most=1)]
    Console(file=screen, width=100).print(benchmark_table("Speed", rows))
    lines = screen.getvalue().splitlines()
    (fast,) = [line for line in lines if "fast" in line]
    (slow,) = [line for line in lines if "slow" in line]
    assert "0.5 s" in fast
    assert "met" in fast
    assert "812 s" in slow
    assert "missed" in slow


def test_quality_rows_take_the_frames_and_baselines_they_name() -> None:
    values = {REPEAT_LAST: 20.0, CONSTANT_VELOCITY: 30.0, "ours": 30.5}
    scores = {
        method: dict.fromkeys(MEASURES, (value, value - 1, value - 2, value * 0.9))
        for method, value in values.items()
    }
    evaluation = Evaluation(
        EvaluationWindows(VideoIndex(Path("data"), ()), (), 16),
        tuple(values),
        4,
        (WindowScores(0, "a", 0.0, scores),),
        (),
    )
    first, fourth, ssim, sharpness, share = quality_rows(evaluation, "ours")
    assert (first.value, first.at_least, first.is_met) == (0.5, 0.7, False)
    assert fourth.value == pytest.approx(0.45)
    assert (ssim.value, ssim.at_least) == (30.5, 30.0)
    assert (sharpness.value, sharpness.at_least) == (30.5, 30.0)
    assert (share.value, share.at_most) == (0.0, 3.0)


def test_clip_moves_everywhere_and_comes_back() -> None:
    frames = [*moving_frames((48, 80), round(LOOP_S * RATE) + 1)]
    assert len({frame.shape for frame in frames}) == 1
    assert all(float(f.min()) >= -1 and float(f.max()) <= 1 for f in frames)
    steps = [float((b - a).abs().mean()) for a, b in itertools.pairwise(frames)]
    assert min(steps) > 0.01  # never a repeated frame
    assert float((frames[-1] - frames[0]).abs().mean()) < 0.03  # the grain alone


def test_repeated_clip_decodes_to_the_same_frames_again(tmp_path: Path) -> None:
    once = write_clip(tmp_path / "once.mp4", (48, 80), 2)
    twice = copy_repeated(once, tmp_path / "twice.mp4", 2)
    with av.open(str(once)) as container:
        first = [frame.to_ndarray() for frame in container.decode(video=0)]
    with av.open(str(twice)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == RATE
        frames = [(frame.time, frame.to_ndarray()) for frame in container.decode(stream)]
    assert len(first) == 50
    assert len(frames) == 100
    assert np.array_equal([f for _, f in frames], [*first, *first])
    assert [time for time, _ in frames] == pytest.approx([k / 25 for k in range(100)])


@pytest.mark.slow
def test_every_promised_speed_is_measured(
    monkeypatch: pytest.MonkeyPatch, small_model: Callable[..., Path], tmp_path: Path
) -> None:
    file = small_model(tmp_path / "small.safetensors")
    monkeypatch.setattr(frames, "FULL_HD", (72, 128))
    monkeypatch.setattr(frames, "SMALL", (72, 128))
    monkeypatch.setattr(frames, "PAPER_SIZE", (16, 24))
    rows = {row.what: row for row in speed_rows(str(file), next_s=2, long_s=30)}
    assert len(rows) == 12
    paper = rows["the same by the paper's network"].value
    own = rows["a predicted 1920x1080 frame"].value
    assert rows["the paper's network over this one"].value == pytest.approx(paper / own)
    assert all(row.value >= 0 or "beyond" in what for what, row in rows.items())
    assert all(row.target for what, row in rows.items() if "paper" not in what)
