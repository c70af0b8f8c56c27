"""Which code trains: the commit of the checkout, or the installed version."""

import functools
import subprocess
from pathlib import Path

from predictor import __version__


@functools.cache
def code_version() -> str:
    """Return the commit of the checkout that this package is in, or the installed version.

    A checkout with changes has ``-dirty`` at the end. A repository that the package is merely
    installed in, as in an environment beside somebody's own files, is not its checkout.
    """
    here = Path(__file__)
    try:
        _git("ls-files", "--error-unmatch", here.name, folder=here.parent)
        return _git(
            "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*", folder=here.parent
        )
    except (OSError, subprocess.CalledProcessError):
        return f"predictor {__version__}"


def _git(*arguments: str, folder: Path) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
