import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.benchmark.costs import command_cost

BENCHMARK = """
import sys
from pipelines.benchmark import costs
costs._MEASURED = '''
import subprocess, sys
subprocess.run([sys.executable, "-c", sys.argv[-1]])
'''
costs.command_cost([sys.argv[1]])
"""
SLEEPER = """
import os, pathlib, sys, time
pathlib.Path({path!r}).write_text(str(os.getpid()))
time.sleep(600)
"""


@pytest.mark.slow
def test_cost_of_a_command_is_that_of_its_process() -> None:
    cost = command_cost(["--version"])
    assert cost.stdout.startswith("predictor ")
    assert 0.005 < cost.peak_memory_gb < 0.2  # not that of this process
    with pytest.raises(subprocess.CalledProcessError) as failure:
        command_cost(["frames", "no such file.mp4"])
    assert "no such file.mp4" in failure.value.stderr


def test_what_was_started_ends_with_a_benchmark_that_is_interrupted(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    sleeper = SLEEPER.format(path=str(note))
    with subprocess.Popen(
        [sys.executable, "-c", BENCHMARK, sleeper], stderr=subprocess.DEVNULL
    ) as benchmark:
        wait_until(lambda: note.is_file() and bool(note.read_text()))
        benchmark.send_signal(signal.SIGINT)
    process = Path("/proc") / note.read_text()
    wait_until(lambda: not process.exists())


def wait_until(is_so: Callable[[], bool]) -> None:
    for _ in range(600):
        if is_so():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come to that")
