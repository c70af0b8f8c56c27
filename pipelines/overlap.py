"""Read ahead and write behind, each in a thread, so that they overlap with other work.

Threads are enough, since decoders and encoders release the interpreter lock while they work.
"""

import contextlib
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from time import perf_counter
from typing import TypeVar

Item = TypeVar("Item")

_PATIENCE_S = 0.05


class Stopwatch:
    """Adds up the time spent in one kind of work."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Count the time that the block takes."""
        start = perf_counter()
        try:
            yield
        finally:
            self.seconds += perf_counter() - start

    def timed(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield `items`, counting the time that each takes to come."""
        iterator = iter(items)
        while True:
            with self.running():
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item


@contextlib.contextmanager
def read_ahead(items: Iterable[Item], most: int) -> Iterator[Iterator[Item]]:
    """Yield an iterator over `items`, which a thread reads at most `most` ahead.

    An exception of `items` is raised in its place. When the block ends early, the thread ends too.
    """
    waiting: queue.Queue[tuple[bool, Item | BaseException | None]] = queue.Queue(most)
    is_stopped = threading.Event()

    def put(is_item: bool, content: Item | BaseException | None) -> None:
        while not is_stopped.is_set():
            with contextlib.suppress(queue.Full):
                waiting.put((is_item, content), timeout=_PATIENCE_S)
                return

    def take() -> None:
        try:
            for item in items:
                put(True, item)
                if is_stopped.is_set():
                    return
        except BaseException as error:  # handed to the thread that asked
            put(False, error)
        else:
            put(False, None)

    def taken() -> Iterator[Item]:
        while True:
            is_item, content = waiting.get()
            if is_item:
                yield content  # type: ignore[misc] # the flag says that it is an item
            elif isinstance(content, BaseException):
                raise content
            else:
                return

    thread = threading.Thread(target=take, name="read ahead", daemon=True)
    thread.start()
    try:
        yield taken()
    finally:
        is_stopped.set()
        thread.join()


@contextlib.contextmanager
def write_behind(write: Callable[[Item], None], most: int) -> Iterator[Callable[[Item], None]]:
    """Yield a function that hands an item to a thread, which gives it to `write`, in order.

    At most `most` items wait. An exception of `write` is raised at the next item or at the end of
    the block; a block that fails leaves the waiting items unwritten.
    """
    waiting: queue.Queue[Item | None] = queue.Queue(most)
    errors: list[BaseException] = []
    is_stopped = threading.Event()

    def take() -> None:
        while (item := waiting.get()) is not None:
            if errors or is_stopped.is_set():
                continue  # empty the queue all the same: the other thread may wait for room in it
            try:
                write(item)
            except BaseException as error:  # handed to the thread that gave the item
                errors.append(error)

    def put(item: Item) -> None:
        if errors:
            raise errors[0]
        waiting.put(item)

    thread = threading.Thread(target=take, name="write behind", daemon=True)
    thread.start()
    try:
        yield put
    except BaseException:
        is_stopped.set()
        raise
    finally:
        waiting.put(None)
        thread.join()
    if errors:
        raise errors[0]
