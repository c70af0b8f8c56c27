"""A start that is refused leaves nothing behind."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from predictor.errors import SettingsError, UnusableData, UnusableMask
from predictor.run_folder import LOCK_FILE, RUN_FILE

_REFUSALS = (SettingsError, UnusableData, UnusableMask)
"""What no repetition of the same command mends, unlike a signal or a lack of memory."""


@contextlib.contextmanager
def gone_if_refused(folder: Path) -> Iterator[None]:
    """Empty `folder` again if the block refuses its settings or its data; delete what it made.

    Only a folder that was missing or had nothing but a lock in it: others may write into any other.
    Once there is a run in `folder` or below, all stays: decoded pictures are of use to it.
    """
    made = missing_folders(folder)
    is_empty = not _content(folder)
    try:
        yield
    except _REFUSALS:
        if is_empty and not any(folder.rglob(RUN_FILE)):
            for path in _content(folder):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()
            delete_empty(made)
        raise


def _content(folder: Path) -> list[Path]:
    """Return what lies in `folder` beside the lock; nothing of a folder that is not there."""
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if path.name != LOCK_FILE]


def missing_folders(folder: Path) -> list[Path]:
    """Return `folder` and those around it that are not there, the innermost first."""
    return [path for path in (folder, *folder.parents) if not path.exists()]


def delete_empty(folders: list[Path]) -> None:
    """Delete these folders, in order, up to the first that another process has put a file into."""
    with contextlib.suppress(OSError):
        for folder in folders:
            folder.rmdir()
