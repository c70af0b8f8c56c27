"""Work on many videos at once: decoding leaves Python's lock, so threads are enough."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from predictor.devices import usable_cores

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int | None = None
) -> Iterator[Result]:
    """Yield `function` of each item in order; None workers are one a usable core.

    When an item fails or the caller stops, those not yet begun are given up.
    """
    pool = ThreadPoolExecutor(workers or usable_cores())
    try:
        yield from pool.map(function, items)
    finally:
        pool.shutdown(cancel_futures=True)
