"""The numbers promised of inpainting: what is measured, and beside which bar."""

from pathlib import Path

import PIL.Image
import pytest

from pipelines.benchmark import inpaint
from pipelines.benchmark.inpaint import quality_rows, speed_rows
from predictor.analysis.inpaint_evaluation import HoleScores, InpaintEvaluation

METHODS = ("telea", "navier-stokes", "own")


def evaluation(**own: float) -> InpaintEvaluation:
    """Return one photograph a kind, on which Navier-Stokes is the better baseline."""
    scores = {
        "telea": {"psnr_db": 15.0, "perceptual": 0.2},
        "navier-stokes": {"psnr_db": 16.0, "perceptual": 0.3},
        "own": own,
    }
    holes = tuple(HoleScores(0, "a", kind, scores) for kind in ("centre", "strokes"))
    measures = ("psnr_db", "perceptual")
    return InpaintEvaluation(None, METHODS[:2], METHODS, holes, (), measures)  # type: ignore[arg-type]


def test_bars_are_those_of_the_better_baseline_of_each_measure() -> None:
    rows = quality_rows(evaluation(psnr_db=17.0, perceptual=0.16), "own")
    assert [round(row.value, 6) for row in rows] == [1.0, 0.8, 1.0, 0.8]
    assert all(row.is_met for row in rows)
    rows = quality_rows(evaluation(psnr_db=16.9, perceptual=0.18), "own")
    assert [row.is_met for row in rows] == [False] * 4


def test_speed_is_that_of_real_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(inpaint, "SIDE", 64)
    monkeypatch.setattr(inpaint, "LARGE", (240, 320))
    monkeypatch.setattr(inpaint, "HOLE", "box:100,100,20,20")
    monkeypatch.setattr(inpaint, "find_model", lambda name: Path(__file__))
    rows = {row.what: row for row in speed_rows("telea", photographs=12, workers=1)}
    first, throughput, baseline, progressive, size = rows.values()
    assert first.value > 0.01
    assert 0 < throughput.value < 1
    assert baseline.value > 0
    assert progressive.value > 0
    assert size.value == Path(__file__).stat().st_size / 1e6
    assert first.what == "a 64x64 photograph in a folder of 12, all included"


def test_encoding_again_is_what_it_says(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    PIL.Image.new("RGB", (40, 30), "red").save(path, quality=90)
    again = inpaint._encoded_again(path, is_progressive=False)
    assert again[:2] == b"\xff\xd8"
    assert b"\xff\xc0" in again  # baseline
