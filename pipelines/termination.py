"""SIGTERM and SIGHUP, unwound like Ctrl-C so that partial outputs and temporary files go."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP."""

    def __init__(self, signal_number: int) -> None:
        super().__init__()
        self.exit_code = 128 + signal_number


@contextlib.contextmanager
def terminated_like_interrupted() -> Iterator[None]:
    """Raise `Terminated` on these signals inside the block, in the main thread only."""

    def terminate(number: int, frame: FrameType | None) -> None:
        raise Terminated(number)

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    if before[signal.SIGHUP] == signal.SIG_IGN:  # by nohup
        del before[signal.SIGHUP]
    try:
        for number in before:
            signal.signal(number, terminate)
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        for number, usual in before.items():
            signal.signal(number, usual)
