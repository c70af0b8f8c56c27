"""A lock on an open file, which the system releases when its process ends, however it ends."""

import logging
import sys
from typing import IO, Any

from predictor.errors import OutputNotWritten

if sys.platform != "win32":
    import fcntl

_logger = logging.getLogger(__name__)


def hold(file: IO[Any], refusal: str, advice: str) -> None:
    """Lock the open `file` until it is closed.

    Raises `OutputNotWritten` with the message `refusal` if another process holds the lock. Where
    files cannot be locked, as on some network file systems, a warning with `advice` is logged; on
    Windows nothing is done.
    """
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OutputNotWritten(refusal) from error
    except OSError as error:
        _logger.warning("%s cannot be locked: %s; %s", file.name, error, advice)
