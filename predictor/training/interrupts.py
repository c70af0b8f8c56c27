"""Signals that ask a run to stop: noted when they come, obeyed when the state can be saved."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class StopRequest:
    """The signal that has asked this process to stop, 0 while none has."""

    signal_number = 0

    def note(self, signal_number: int, frame: FrameType | None) -> None:
        """Remember the first signal; a second SIGINT stops at once, without saving."""
        if self.signal_number and signal_number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal_number = self.signal_number or signal_number


@contextlib.contextmanager
def noted_signals() -> Iterator[StopRequest]:
    """Note SIGINT and SIGTERM inside the block instead of dying of them.

    Python lets only the main thread do this; in another one the request never comes.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in before:
            signal.signal(number, request.note)
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def leave_signals_to_the_parent() -> None:
    """Ignore SIGINT and SIGTERM in a loading process; its parent ends it once it has saved."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
