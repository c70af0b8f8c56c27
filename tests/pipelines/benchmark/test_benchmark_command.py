"""``predictor benchmark``: its parts, its document, its refusals."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from pipelines.benchmark.command import benchmark
from pipelines.benchmark.rows import Row

app = typer.Typer()
app.command()(benchmark)
run = CliRunner().invoke


@pytest.fixture
def model(small_model: Callable[..., Path], tmp_path: Path) -> str:
    return str(small_model(tmp_path / "small.safetensors"))


@pytest.fixture
def data(tmp_path: Path) -> str:
    picture = (255 * np.random.default_rng(0).random((48, 120, 3))).astype(np.uint8)
    (tmp_path / "clips" / "one").mkdir(parents=True)
    for k in range(16):
        path = tmp_path / "clips" / "one" / f"{k:06d}.png"
        cv2.imwrite(str(path), cv2.GaussianBlur(picture, (0, 0), 2)[:, 2 * k : 2 * k + 64])
    return str(tmp_path / "clips")


def test_quality_is_measured_four_frames_ahead(model: str, data: str) -> None:
    arguments = ["frames", data, "--model", model, "--quality-only", "--json"]
    done = run(app, arguments)
    assert done.exit_code == 0, done.output
    (entry,) = json.loads(done.stdout)["results"]
    assert entry["evaluation"]["horizon"] == 4
    assert "speed" not in entry
    measured = {row["what"]: row for row in entry["quality"]}
    gain = measured["PSNR of frame 4 over the better baseline"]
    assert gain["value"] == entry["evaluation"]["gain_psnr_db"][model][3]["mean"]
    assert gain["is_met"] is False  # its weights are random


@pytest.mark.parametrize(
    ("options", "lengths"), [([], {}), (["--quick"], {"next_s": 2, "long_s": 60})]
)
def test_speed_is_measured_without_data(
    monkeypatch: pytest.MonkeyPatch, options: list[str], lengths: dict[str, int]
) -> None:
    asked: dict[str, object] = {}

    def speed_rows(model: str, **told: object) -> list[Row]:
        asked.update(told, model=model)
        return [Row("predictor --help", 0.4, "s", at_most=0.5)]

    monkeypatch.setattr("pipelines.benchmark.frames.speed_rows", speed_rows)
    done = run(app, ["frames", *options])
    assert done.exit_code == 0, done.output
    assert asked == {"model": "frames", "threads": None, **lengths}
    assert "0.4 s" in done.stdout
    assert "met" in done.stdout


@pytest.mark.parametrize(("options", "rounds"), [([], 5), (["--quick", "--threads", "1"], 2)])
def test_throughput_of_dcgan_is_measured(
    monkeypatch: pytest.MonkeyPatch, options: list[str], rounds: int
) -> None:
    asked: dict[str, object] = {}

    def throughput_rows(**told: object) -> list[Row]:
        asked.update(told)
        return [Row("this loop", 2.0, "x", at_least=1.5)]

    monkeypatch.setattr("pipelines.benchmark.dcgan.throughput_rows", throughput_rows)
    done = run(app, ["dcgan", "--json", *options])
    assert done.exit_code == 0, done.output
    (entry,) = json.loads(done.stdout)["results"]
    assert [row["is_met"] for row in entry["speed"]] == [True]
    assert asked == {"threads": 1 if options else None, "rounds": rounds}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["music"], "no benchmark 'music'"),
        (["frames", "--quality-only"], "needs DATA"),
        (["frames", "--against", "frames"], "--against needs DATA"),
        (["frames", "--videos", "."], "--videos is for the task inpaint"),
        (["dcgan", "videos"], "dcgan takes no DATA and no model"),
        (["dcgan", "--model", "frames"], "dcgan takes no DATA and no model"),
    ],
)
def test_what_cannot_be_measured_is_a_usage_error(arguments: list[str], message: str) -> None:
    done = run(app, arguments)
    assert done.exit_code == 2
    assert message in done.stderr
