"""What work takes: time, and of a whole command in a process of its own memory too."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

_MEASURED = """
import json, os, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(sys.argv[2:])
_, status, used = os.wait4(process.pid, 0)
spent = time.perf_counter() - start
with open(sys.argv[1], "w") as file:
    json.dump([spent, used.ru_maxrss], file)
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""A small process between: Linux counts the memory of a process's starter as its own."""


@dataclass(frozen=True)
class Cost:
    """What one command line took."""

    time_s: float
    peak_memory_gb: float
    """Largest resident set, 10^9 bytes."""
    stdout: str


def time_of(work: Callable[[], object]) -> float:
    """Return the seconds that `work` takes."""
    start = perf_counter()
    work()
    return perf_counter() - start


def command_cost(arguments: Sequence[str]) -> Cost:
    """Return what ``predictor`` with these arguments takes in a process of its own.

    Raises `subprocess.CalledProcessError` if it fails.
    """
    command = [sys.executable, "-c", "from pipelines.cli import main; main()", *arguments]
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        stdout = _stdout_of([sys.executable, "-c", _MEASURED, str(report), *command])
        time_s, peak = json.loads(report.read_text())
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(time_s, peak * unit / 1e9, stdout)


def _stdout_of(command: Sequence[str]) -> str:
    """Return what `command` prints. If this process is interrupted, all that it started ends too.

    Raises `subprocess.CalledProcessError` if it fails.
    """
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as process:
        try:
            stdout, stderr = process.communicate()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):  # it has ended already
                os.killpg(process.pid, signal.SIGTERM)
            raise
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, stdout, stderr)
    return stdout
