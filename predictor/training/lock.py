"""One process at a time writes into a run folder."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from predictor.file_lock import hold


@contextlib.contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold the lock of `folder` inside the block; the system frees it however the process ends.

    Raises `OutputNotWritten` if another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "run.lock").open("w") as file:
        refusal = f"another process is training in {folder}"
        hold(file, refusal, advice="start no second process there")
        yield
