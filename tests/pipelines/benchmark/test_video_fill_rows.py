from pathlib import Path

import pytest

from pipelines.benchmark import video_fill
from pipelines.benchmark.video_fill import video_fill_rows
from predictor.analysis.video_fill_evaluation import VideoFillScores
from predictor.classical_fill import ClassicalInpainter
from predictor.errors import UnusableData


def made(name: str, gain: float, change: float) -> VideoFillScores:
    return VideoFillScores(name, 9, 20 + gain, 20.0, change, 0.5, 1.0)


def test_rows_stand_beside_their_bars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers: list[int] = []

    def clip_scores(path: Path, filler: object, number: int) -> VideoFillScores:
        numbers.append(number)
        return made(path.stem, 1.0 + number, 0.9 + number / 10)

    monkeypatch.setattr(video_fill, "CLIPS", 2)
    monkeypatch.setattr(video_fill, "most_moving", lambda paths, count: sorted(paths)[:count])
    monkeypatch.setattr(video_fill, "clip_scores", clip_scores)
    monkeypatch.setattr(video_fill, "scores", lambda *arguments: made("pan", 16.0, 1.0))
    for name in ("b.mp4", "a.mp4", "c.mp4"):
        (tmp_path / name).write_bytes(b"")
    *clips, gain, change, pan = video_fill_rows(tmp_path, ClassicalInpainter("telea"))
    assert numbers == [0, 1]
    assert [row.what.strip() for row in clips] == ["a", "b"]
    assert [row.value for row in clips] == [1.0, 2.0]
    assert (gain.value, gain.at_least, gain.is_met) == (1.5, 1.5, True)
    assert (change.value, change.at_most) == (pytest.approx(0.95), 1.2)
    assert (pan.value, pan.at_least, pan.is_met) == (36.0, 35.0, True)
    assert "20.0 dB" in pan.note


def test_without_videos_only_the_pan_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_fill, "PAN_FRAMES", 12)
    monkeypatch.setattr(video_fill, "PAN_SIZE", (60, 80))
    monkeypatch.setattr(video_fill, "PAN_STEP", (5.3, 0.7))
    (row,) = video_fill_rows(None, ClassicalInpainter("telea"))
    assert row.value > 30


def test_too_few_videos(tmp_path: Path) -> None:
    with pytest.raises(UnusableData, match="0 readable videos, expected at least 10"):
        next(video_fill_rows(tmp_path, ClassicalInpainter("telea")))
    with pytest.raises(UnusableData, match="nowhere is not a folder of videos"):
        next(video_fill_rows(tmp_path / "nowhere", ClassicalInpainter("telea")))
