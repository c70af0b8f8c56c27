"""The console script before any command runs."""

import os
import subprocess
import sys

import pytest

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
