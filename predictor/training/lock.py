"""One process at a time writes into a run folder."""

import contextlib
import fcntl
import logging
from collections.abc import Iterator
from pathlib import Path

from predictor.errors import OutputNotWritten

_logger = logging.getLogger(__name__)


@contextlib.contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold the lock of `folder` inside the block; the system frees it however the process ends.

    Raises `OutputNotWritten` if another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "run.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputNotWritten(f"another process is training in {folder}") from error
        except OSError as error:  # a network file system without locks
            _logger.warning("%s cannot be locked: %s; start no second process there", folder, error)
        yield
