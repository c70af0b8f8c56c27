"""How many threads look at files at once."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from predictor.data import threads


def test_there_is_a_thread_for_each_core_that_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    class Counted(ThreadPoolExecutor):
        def __init__(self, workers: int) -> None:
            made.append(workers)
            super().__init__(workers)

    monkeypatch.setattr(threads, "ThreadPoolExecutor", Counted)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {1, 5, 6})
    monkeypatch.setattr(os, "cpu_count", lambda: 64)  # of a container's whole machine
    assert list(threads.in_threads(str, range(4))) == ["0", "1", "2", "3"]
    assert list(threads.in_threads(str, range(1), 2)) == ["0"]
    assert made == [3, 2]
