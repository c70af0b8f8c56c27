"""One process at a time writes into a run folder."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from predictor.errors import OutputNotWritten
from predictor.file_lock import hold
from predictor.run_folder import LOCK_FILE
from predictor.whole_files import refusal_of


@contextlib.contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold the lock of `folder` inside the block; the operating system frees it at any exit.

    The folder is created, and deleted again if the block fails before writing into it. Raises
    `OutputNotWritten` if another process holds the lock or the folder cannot be made.
    """
    is_new = not folder.exists()
    path = folder / LOCK_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    except OSError as error:
        raise OutputNotWritten(f"{folder}: not written: {refusal_of(error)}") from error
    with file:
        refusal = f"another process is training in {folder}"
        hold(file, refusal, advice="do not start a second process there")
        try:
            yield
        except BaseException:
            if is_new and list(folder.iterdir()) == [path]:
                path.unlink()
                folder.rmdir()
            raise
