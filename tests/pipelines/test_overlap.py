"""Overlapped work keeps order and errors, and really overlaps."""

import threading
import time
from collections.abc import Iterator

import pytest

from pipelines.overlap import Stopwatch, read_ahead, write_behind


def test_order_is_kept_through_both_threads() -> None:
    written: list[int] = []
    with read_ahead(range(100), 3) as numbers, write_behind(written.append, 3) as write:
        for number in numbers:
            write(number)
    assert written == list(range(100))


def test_three_stages_take_the_time_of_one() -> None:
    def slow() -> Iterator[int]:
        for number in range(10):
            time.sleep(0.02)
            yield number

    clock = Stopwatch()
    start = time.perf_counter()
    with (
        read_ahead(clock.timed(slow()), 2) as numbers,
        write_behind(lambda _: time.sleep(0.02), 2) as write,
    ):
        for number in numbers:
            time.sleep(0.02)
            write(number)
    assert time.perf_counter() - start < 0.45  # one after another: 0.6
    assert 0.2 <= clock.seconds < 0.4


def test_no_more_than_asked_is_read_ahead() -> None:
    taken: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    with read_ahead(numbers(), 2) as ahead:
        next(ahead)
        time.sleep(0.1)
        assert len(taken) <= 4  # the one given, two waiting, one in hand


def test_error_of_the_reader_comes_after_the_items_before_it() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise OSError("cut off")

    seen: list[int] = []
    with pytest.raises(OSError, match="cut off"), read_ahead(broken(), 2) as numbers:
        seen.extend(numbers)
    assert seen == [1]


def test_error_of_the_writer_stops_the_work() -> None:
    def fail(number: int) -> None:
        if number == 3:
            raise OSError("no space")

    given = iter(range(1000))
    with pytest.raises(OSError, match="no space"), write_behind(fail, 1) as write:
        all(write(number) is None for number in given)
    assert next(given) < 10


def test_error_of_the_last_item_is_not_lost() -> None:
    def fail(number: int) -> None:
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"), write_behind(fail, 1) as write:
        write(1)


def test_threads_end_with_an_interrupted_block() -> None:
    before = threading.active_count()

    def endless() -> Iterator[int]:
        number = 0
        while True:
            yield (number := number + 1)

    def interrupted() -> None:
        with read_ahead(endless(), 1) as numbers, write_behind(lambda _: None, 1) as write:
            write(next(numbers))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert threading.active_count() == before
