"""A progress bar shows on a terminal and nowhere else."""

import contextlib
import os
import pty
from collections.abc import Iterator

import pytest

from pipelines.progress import progress_bar


def test_nothing_is_shown_where_stderr_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("clip.mp4") as advance:
        advance(1, 2)
    assert capsys.readouterr().err == ""


def _read_to_the_end(terminal: int) -> Iterator[str]:
    with contextlib.suppress(OSError):  # how Linux says that the other side is closed
        while data := os.read(terminal, 4096):
            yield data.decode(errors="replace")


def test_bar_on_a_terminal_says_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr("sys.stderr", terminal)
        with progress_bar("[1] clip.mp4") as advance:
            for done in range(1, 5):
                advance(done, 8)
    shown = "".join(_read_to_the_end(ours))
    os.close(ours)
    assert "[1] clip.mp4" in shown  # brackets are no markup
    assert "4/8" in shown
    assert "frames/s" in shown
