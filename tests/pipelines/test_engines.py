"""Tasks in this process and in several: order, errors, and processes that die."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.engines import Attempt, Settled, carried_out
from predictor.errors import SettingsError, WorkerLost


def squared(number: int) -> int:
    if number == 3:
        raise SettingsError("three is refused")
    return number * number


def dying(task: tuple[str, int]) -> int:
    """Kill the process over the task 5, and over the task 2 the first time only."""
    folder, number = task
    if number == 5:
        os._exit(9)
    if number == 2 and not (Path(folder) / "tried").exists():
        (Path(folder) / "tried").touch()
        os._exit(9)
    return os.getpid()


def writing(task: tuple[str, int, bool]) -> int:
    """Write a file that is not there yet, unless it may be; over 2 and 3 die behind it, once."""
    folder, number, is_again = task
    path = Path(folder) / str(number)
    if path.exists() and not is_again:
        raise SettingsError(f"{number} exists already")
    path.touch()
    if number in (2, 3) and not is_again:
        os._exit(9)
    return number


def retried(task: tuple[str, int, bool]) -> tuple[str, int, bool]:
    return (*task[:2], True)


@pytest.mark.parametrize("workers", [1, 2])
def test_results_and_errors_come_in_order(workers: int) -> None:
    tasks = [0, 1, Settled("known"), 2, 3, 4]
    done = list(carried_out(tasks, squared, workers, worth_processes=2))
    assert done[2] == Settled("known")
    carried = [item for item in done if isinstance(item, Attempt)]
    assert [item.task for item in carried] == [0, 1, 2, 3, 4]
    results = [item.result for item in carried]
    assert isinstance(results.pop(3), SettingsError)
    assert results == [0, 1, 4, 16]
    assert all(item.seconds >= 0 for item in carried)


def test_few_tasks_start_no_process(tmp_path: Path) -> None:
    done = list(carried_out([(str(tmp_path), 0)] * 4, dying, 8, worth_processes=4))
    assert {item.result for item in done if isinstance(item, Attempt)} == {os.getpid()}


def test_a_task_that_kills_its_process_is_lost_alone(tmp_path: Path) -> None:
    tasks = [(str(tmp_path), number) for number in range(8)]
    done = list(carried_out(tasks, dying, 2, worth_processes=2))
    results = [item.result for item in done if isinstance(item, Attempt)]
    assert len(results) == 8
    assert isinstance(results.pop(5), WorkerLost)
    assert all(isinstance(result, int) and result != os.getpid() for result in results)
    assert (tmp_path / "tried").exists()  # killed once, done when it was tried again


def test_what_was_written_before_its_process_died_is_written_again(tmp_path: Path) -> None:
    tasks = [(str(tmp_path), number, False) for number in range(8)]
    done = list(carried_out(tasks, writing, 2, worth_processes=2, again=retried))
    assert [item.result for item in done if isinstance(item, Attempt)] == list(range(8))


def test_few_tasks_are_taken_ahead() -> None:
    taken = 0

    def tasks() -> Iterator[int]:
        nonlocal taken
        for number in range(1000):
            taken = number
            yield 7

    every = carried_out(tasks(), squared, 2, worth_processes=2)
    next(every)
    assert taken < 20
    every.close()
