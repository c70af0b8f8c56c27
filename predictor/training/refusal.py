"""A start that is refused leaves nothing behind."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from predictor.errors import SettingsError, UnusableData, UnusableMask
from predictor.run_folder import RUN_FILE

_REFUSALS = (SettingsError, UnusableData, UnusableMask)
"""What no repetition of the same command mends, unlike a signal or a lack of memory."""


@contextlib.contextmanager
def gone_if_refused(folder: Path) -> Iterator[None]:
    """Delete what the block wrote into `folder` if it refuses its settings or its data.

    What was there before stays, and so does everything once there is a run in `folder` or below:
    decoded pictures are of use to it. Folders that the block made are deleted, `folder` too.
    """
    before, made = _everything(folder), missing_folders(folder)
    try:
        yield
    except _REFUSALS:
        if not any(folder.rglob(RUN_FILE)):
            _delete(_everything(folder) - before)
            delete_empty(made)
        raise


def _everything(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def _delete(paths: set[Path]) -> None:
    for path in sorted(paths, reverse=True):  # what is in a folder before the folder
        if path.is_dir() and not path.is_symlink():
            delete_empty([path])
        else:
            path.unlink(missing_ok=True)


def missing_folders(folder: Path) -> list[Path]:
    """Return `folder` and those around it that are not there, the innermost first."""
    return [path for path in (folder, *folder.parents) if not path.exists()]


def delete_empty(folders: list[Path]) -> None:
    """Delete these folders, in order, up to the first that another process has put a file into."""
    with contextlib.suppress(OSError):
        for folder in folders:
            folder.rmdir()
