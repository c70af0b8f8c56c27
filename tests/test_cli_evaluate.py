"""``predictor evaluate``: what it prints, what it writes, what it refuses."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from predictor.cli import app
from predictor.errors import OutputExists, UnknownModel, UnusableData
from predictor.weights import load_network, save_network

run = CliRunner().invoke


def write_video(path: Path, pictures: Sequence[NDArray[np.uint8]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = pictures[0].shape[:2]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def model(small_model: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(small_model(tmp_path_factory.mktemp("weights") / "small.safetensors"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("clips")
    picture = (255 * np.random.default_rng(0).random((48, 120, 3))).astype(np.uint8)
    picture = cv2.GaussianBlur(picture, (0, 0), 2)
    (root / "clip").mkdir()
    for k in range(15):
        cv2.imwrite(str(root / "clip" / f"{k:06d}.png"), picture[:, 2 * k : 2 * k + 64])
    return str(root)


def test_document_names_the_model_and_says_how_it_did(model: str, data: str) -> None:
    done = run(app, ["evaluate", model, data, "--horizon", "2", "--windows", "1", "--json"])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    (entry,) = document["results"]
    assert document["exit_code"] == 0
    assert (entry["model"], entry["input"], entry["status"]) == (model, data, "done")
    repeated = entry["means"]["repeat-last"]["psnr_db"]
    assert repeated[0]["mean"] > repeated[1]["mean"]
    gain = entry["gain_psnr_db"][model][0]["mean"]
    best = max(
        entry["means"][name]["psnr_db"][0]["mean"] for name in entry["means"] if name != model
    )
    assert gain == pytest.approx(entry["means"][model]["psnr_db"][0]["mean"] - best, abs=1e-3)


def test_second_model_stands_in_the_same_table(
    model: str, data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = tmp_path / "second.safetensors"
    second.write_bytes(Path(model).read_bytes())
    monkeypatch.setenv("COLUMNS", "200")
    arguments = ["evaluate", model, data, "--against", str(second), "--horizon", "1"]
    done = run(app, arguments)
    assert done.exit_code == 0, done.output
    assert model in done.stdout
    assert str(second) in done.stdout
    assert "Means over 3 windows, then over 1 video." in done.stdout  # of 13 frames in 15


def test_report_is_written_and_not_overwritten(model: str, data: str, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    arguments = ["evaluate", model, data, "-o", str(report), "--horizon", "1", "--windows", "1"]
    done = run(app, arguments)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1] == str(report)
    written = report.read_text()
    assert written.startswith("<!doctype html>")
    assert isinstance(run(app, arguments).exception, OutputExists)
    assert report.read_text() == written
    assert run(app, [*arguments, "--overwrite"]).exit_code == 0


def test_what_is_not_there_is_named(model: str, data: str, tmp_path: Path) -> None:
    assert isinstance(run(app, ["evaluate", "frams", data]).exception, UnknownModel)
    assert isinstance(run(app, ["evaluate", model, str(tmp_path)]).exception, UnusableData)


def test_a_model_is_not_measured_against_itself(model: str, data: str) -> None:
    done = run(app, ["evaluate", model, data, "--against", model])
    assert done.exit_code == 2
    assert "--against names the model itself" in done.stderr


def test_a_task_without_an_evaluation_is_named(model: str, data: str, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    network, told = load_network(Path(model))
    save_network(other, told.network, network, told.provenance, task="classify")
    error = run(app, ["evaluate", str(other), data]).exception
    assert isinstance(error, UnknownModel)
    assert f"{other} is of the system classify and generates no pictures" in str(error)


def test_a_single_video_is_measured_like_a_folder_of_one(model: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (48, 160, 3), dtype=np.uint8)
    picture = cv2.GaussianBlur(noise, (0, 0), 2)
    views = [np.ascontiguousarray(picture[:, 2 * k :][:, :64]) for k in range(15)]
    clip = write_video(tmp_path / "one" / "clip.mp4", views)
    write_video(tmp_path / "one" / "other" / "clip.mp4", views[:3])
    options = ["--horizon", "1", "--windows", "1", "--json"]
    entries = []
    for data in (clip, clip.parent):
        done = run(app, ["evaluate", model, str(data), *options])
        assert done.exit_code == 0, done.output
        entries.append(json.loads(done.stdout)["results"][0])
    alone, folder = entries
    assert alone["means"] == folder["means"]
    assert (alone["skipped"], len(folder["skipped"])) == ([], 1)


def test_a_single_video_that_cannot_be_used_is_named(model: str, tmp_path: Path) -> None:
    text, short = tmp_path / "notes.mp4", tmp_path / "short.mp4"
    text.write_text("no video")
    write_video(short, [np.zeros((48, 64, 3), np.uint8)] * 4)
    for path in (text, short, tmp_path / "absent.mp4"):
        error = run(app, ["evaluate", model, str(path)]).exception
        assert isinstance(error, UnusableData)
        assert str(error).startswith(str(path))
