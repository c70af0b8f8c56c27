"""A lock on an open file, which the system frees however the process that holds it ends."""

import logging
import sys
from typing import IO, Any

from predictor.errors import OutputNotWritten

if sys.platform != "win32":
    import fcntl

_logger = logging.getLogger(__name__)


def hold(file: IO[Any], refusal: str, advice: str) -> None:
    """Lock the open `file` for this process until it is closed.

    Raises `OutputNotWritten` with `refusal` if another process holds it. Where files cannot be
    locked, as on some network file systems, `advice` is logged; on Windows nothing is locked.
    """
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OutputNotWritten(refusal) from error
    except OSError as error:
        _logger.warning("%s cannot be locked: %s; %s", file.name, error, advice)
