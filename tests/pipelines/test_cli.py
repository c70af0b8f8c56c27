"""The console script before any command runs."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import typer.main

from pipelines.cli import app, run

SHOWN = """
import os, sys
from pipelines import cli
cli.run = lambda arguments: print(os.environ.get("GOMP_SPINCOUNT"), "torch" in sys.modules) or 0
cli.main()
"""


@pytest.mark.parametrize(
    ("chosen", "spins"),
    [
        ({}, "20000"),
        ({"GOMP_SPINCOUNT": "7"}, "7"),
        ({"OMP_WAIT_POLICY": "active"}, "None"),
    ],
)
def test_how_threads_wait_is_said_before_torch_is_there(chosen: dict[str, str], spins: str) -> None:
    said = {name: value for name, value in os.environ.items() if "OMP_" not in name}
    ended = subprocess.run(
        [sys.executable, "-c", SHOWN], env={**said, **chosen}, capture_output=True, text=True
    )
    assert ended.stdout.split() == [spins, "False"]
    assert ended.returncode == 0


KEEPS_MEMORY = """
from pipelines import cli
cli.keep_freed_memory = lambda: print("kept")
cli.run = lambda arguments: print("run") or 0
cli.main()
"""


def test_memory_is_kept_from_the_start() -> None:
    ended = subprocess.run([sys.executable, "-c", KEEPS_MEMORY], capture_output=True, text=True)
    assert ended.stdout.split() == ["kept", "run"]


FILES_AFTER_CLOSED_STREAMS = """
import os, sys
from pipelines import cli
cli.run = lambda arguments: print("to stderr", file=sys.stderr) or open(sys.argv[1]).fileno() < 3
cli.main()
"""
FAILS = ("-c", "from pipelines.cli import main; main()", "frames", "nowhere.mp4", "--json")


def test_no_file_takes_the_place_of_a_closed_stream() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", FILES_AFTER_CLOSED_STREAMS, os.devnull],
        preexec_fn=lambda: os.closerange(0, 3),
    )
    assert ended.returncode == 0


NAME_THAT_IS_NO_TEXT = """
from pipelines import cli
cli.run = lambda arguments: print("skipped \\udcff.png") or 0
cli.main()
"""


def test_a_name_that_is_no_text_is_printed_byte_for_byte() -> None:
    usual = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}  # as in every locale but C
    ended = subprocess.run(
        [sys.executable, "-c", NAME_THAT_IS_NO_TEXT], env=usual, stdout=subprocess.PIPE
    )
    assert ended.stdout == b"skipped \xff.png\n"
    assert ended.returncode == 0


def test_a_reader_that_leaves_ends_the_command_as_the_shell_expects() -> None:
    reads, writes = os.pipe()
    os.close(reads)
    ended = subprocess.run([sys.executable, *FAILS], stdout=writes, stderr=subprocess.PIPE)
    os.close(writes)
    assert ended.returncode == 128 + signal.SIGPIPE
    assert ended.stderr.splitlines() == [b"predictor: nowhere.mp4: no such file or folder"]


def test_stdout_on_a_full_disk_is_one_line() -> None:
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run([sys.executable, *FAILS], stdout=full, stderr=subprocess.PIPE)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[1:] == [
        b"predictor: cannot write to stdout: No space left on device"
    ]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_in_any_command_is_reported_in_json_too(
    number: signal.Signals,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted() -> None:
        signal.raise_signal(number)

    before = signal.getsignal(number)
    monkeypatch.setattr("pipelines.machine.doctor.diagnosis", interrupted)
    assert run(["doctor", "--json"]) == code
    said = capsys.readouterr()
    assert said.err == "predictor: interrupted\n"
    assert json.loads(said.out) == {"results": [], "exit_code": code, "error": "interrupted"}
    assert signal.getsignal(number) == before


def test_a_current_folder_that_was_deleted_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    assert run(["frames", "a.mp4"]) == 1
    assert "the current folder was deleted" in capsys.readouterr().err


def _commands(group: Any, *names: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, *names, name)
        else:
            yield (*names, name), command


COMMANDS = dict(_commands(typer.main.get_command(app)))


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_the_help_of_every_command_spells_its_options_out_in_80_columns(
    names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run([*names, "--help"]) == 0
    shown = capsys.readouterr().out.split()
    options = [name for parameter in COMMANDS[names].params for name in parameter.opts]
    assert [name for name in options if name.startswith("-") and name not in shown] == []


def test_damaged_metadata_of_photographs_is_no_warning(tmp_path: Path) -> None:
    """Pillow warns of it from threads and worker processes, once for each file."""
    for number in range(6):
        pixels = np.random.default_rng(number).integers(0, 256, (64, 64, 3), np.uint8)
        damaged = b"Exif\0\0II*\0\x08\0\0\0\x05\0\x0f\x01\x02\0\xff\0\0\0\xff\xff\0\0"
        PIL.Image.fromarray(pixels).save(tmp_path / f"{number}.jpg", exif=damaged)
    (tmp_path / "text.jpg").write_bytes(b"no picture")
    small = ["photos.crop=[32,32]", "batch_size=2", "threads=1", "workers=1"]
    arguments = ["train", "inpaint", str(tmp_path), "-o", str(tmp_path / "run"), "--dry-run"]
    arguments += [word for value in small for word in ("--set", value)]
    main = "from pipelines.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", main, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert "skipped: text.jpg" in done.stderr
