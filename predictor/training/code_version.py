"""Which code trains: the commit of the checkout, or the installed version."""

import functools
import subprocess
from pathlib import Path

from predictor import __version__


@functools.cache
def code_version() -> str:
    """Return the commit of the checkout that this package is in, or the installed version.

    A checkout with changes has ``-dirty`` at the end.
    """
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return f"predictor {__version__}"
    return done.stdout.strip()
