"""Batches that end in the middle: the same command, again, ends as if nothing had happened."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from photo_folders import contents, photograph

pytestmark = pytest.mark.slow

COUNT = 200
COMMAND = [sys.executable, "-c", "from pipelines.cli import main; main()", "inpaint"]
HOW = ["--mask", "box:20,10,16,16", "--model", "telea", "--workers", "2"]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(COUNT):
        suffix = "jpg" if number % 3 else "png"
        photograph(tmp_path / "photos" / f"{number % 7}" / f"{number:03}.{suffix}", number)
    return tmp_path / "photos"


def begun(photos: Path, out: Path) -> "subprocess.Popen[str]":
    arguments = [*COMMAND, str(photos), "-o", str(out), *HOW]
    return subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finished(out: Path) -> int:
    return sum(path.suffix in (".jpg", ".png") for path in out.rglob("*"))


def wait_for(out: Path, count: int) -> None:
    deadline = time.monotonic() + 240
    while finished(out) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_three_kills_change_nothing(photos: Path, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    process = begun(photos, whole)
    process.communicate(timeout=300)
    assert process.returncode == 0
    for count in (20, 80, 140):
        process = begun(photos, killed)
        wait_for(killed, count)
        process.kill()
        process.communicate()
        assert finished(killed) < COUNT
    process = begun(photos, killed)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert "done before" in said
    assert contents(whole) == contents(killed)
    lines = [json.loads(line) for line in (killed / "inpaint.jsonl").read_text().splitlines()]
    done = [line["output"] for line in lines if line["status"] == "done"]
    assert len(set(done)) == COUNT
    assert len(done) <= COUNT + 3 * 2  # no more than was under way was done twice


def test_processes_do_not_outlive_a_kill(photos: Path, tmp_path: Path) -> None:
    process = begun(photos, tmp_path / "out")
    wait_for(tmp_path / "out", 5)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(children) >= 2
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{child}").exists() for child in children):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_ctrl_c_and_sigterm_leave_nothing_half_written(photos: Path, tmp_path: Path) -> None:
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        out = tmp_path / str(code)
        process = begun(photos, out)
        wait_for(out, 10)
        os.kill(process.pid, number)
        _, said = process.communicate(timeout=60)
        assert process.returncode == code
        assert "interrupted; finished files stay" in said
        assert not list(out.rglob("*.partial"))
