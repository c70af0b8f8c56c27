"""Signals that ask a run to stop: recorded at once, obeyed when the state can be saved."""

import contextlib
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from predictor.errors import Interrupted

_logger = logging.getLogger(__name__)

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a polite kill, and a terminal that is closed."""


class StopRequest:
    """The signal that has asked this process to stop; 0 for none."""

    signal_number = 0

    def note(self, signal_number: int, frame: FrameType | None) -> None:
        """Remember the first signal and log it; a second SIGINT stops at once, without saving."""
        if self.signal_number and signal_number == signal.SIGINT:
            raise KeyboardInterrupt
        if not self.signal_number:
            self.signal_number = signal_number
            # Logging raises if the signal interrupted the writing of another line.
            with contextlib.suppress(RuntimeError):
                _logger.info(
                    "%s: the run stops and is saved after this iteration; Ctrl-C now stops it at "
                    "once, without saving",
                    signal.Signals(signal_number).name,
                )


@contextlib.contextmanager
def noted_signals() -> Iterator[StopRequest]:
    """Record SIGINT, SIGTERM and SIGHUP inside the block instead of dying of them.

    Python allows this in the main thread only; in another thread the block changes nothing.
    """
    request = StopRequest()
    with _handled_by(request.note):
        yield request


@contextlib.contextmanager
def raised_signals(message: str) -> Iterator[None]:
    """Raise `Interrupted` on these signals inside the block: signal name and `message`.

    For work that saves its progress when an exception passes through. Outside the main thread the
    block changes nothing.
    """

    def raise_it(signal_number: int, frame: FrameType | None) -> None:
        raise Interrupted(f"{signal.Signals(signal_number).name} {message}", signal_number)

    with _handled_by(raise_it):
        yield


@contextlib.contextmanager
def _handled_by(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _STOPPING}
    if before[signal.SIGHUP] == signal.SIG_IGN:  # by nohup
        del before[signal.SIGHUP]
    try:
        for number in before:
            signal.signal(number, handler)
        yield
    finally:
        for number, usual in before.items():
            signal.signal(number, usual)


def leave_signals_to_the_parent() -> None:
    """Ignore the signals in a loading process: its parent ends it after saving."""
    for number in _STOPPING:
        signal.signal(number, signal.SIG_IGN)
