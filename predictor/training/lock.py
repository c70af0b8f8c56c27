"""One process at a time writes into a run folder."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from predictor.errors import OutputNotWritten
from predictor.file_lock import hold
from predictor.run_folder import LOCK_FILE
from predictor.training.refusal import delete_empty, missing_folders
from predictor.whole_files import refusal_of


@contextlib.contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold the lock of `folder` inside the block; the operating system frees it at any exit.

    Folder and lock are created, and deleted again if the block fails before writing into it. Raises
    `OutputNotWritten` if another process holds the lock or the folder cannot be made.
    """
    path = folder / LOCK_FILE
    try:
        made = missing_folders(folder)
        folder.mkdir(parents=True, exist_ok=True)
        before = set(folder.iterdir())
        file = path.open("w")
    except OSError as error:
        raise OutputNotWritten(f"{folder}: not written: {refusal_of(error)}") from error
    with file:
        refusal = f"another process is training in {folder}"
        hold(file, refusal, advice="do not start a second process there")
        try:
            yield
        except BaseException:
            if path not in before and set(folder.iterdir()) == {*before, path}:
                path.unlink()
                delete_empty(made)
            raise
