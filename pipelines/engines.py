"""Many inputs at once: in this process, or in several that each do whole inputs.

A process does all of one input, so that reading, computing and writing of different inputs overlap
whether or not a library lets go of the interpreter.
"""

import collections
import contextlib
import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from time import perf_counter
from typing import Generic, TypeVar

from predictor.errors import PredictorError, WorkerLost
from predictor.media.pillow_warnings import silence_pillow

Task = TypeVar("Task")
Done = TypeVar("Done")
Known = TypeVar("Known")


@dataclass(frozen=True)
class Settled(Generic[Known]):
    """Stands for a task whose result is known: it is yielded in its turn, and nothing is run."""

    value: Known


@dataclass(frozen=True)
class Attempt(Generic[Task, Done]):
    """A task that was run, and what came of it."""

    task: Task
    result: Done | PredictorError
    seconds: float
    """How long it ran in its process, without waiting for one."""


_WAITING = 4
"""Tasks submitted ahead for each process, so that none of them waits for the next."""


def carried_out(
    tasks: Iterable[Task | Settled[Known]],
    run: Callable[[Task], Done],
    workers: int,
    worth_processes: int = 8,
    prepare: Callable[[], None] | None = None,
    again: Callable[[Task], Task] | None = None,
) -> Generator[Attempt[Task, Done] | Settled[Known], None, None]:
    """Yield, in order, each task with what `run` returned or the `PredictorError` that it raised.

    `run` must be importable and `tasks` picklable. Only a few tasks are taken ahead, so that memory
    does not grow with their number. With one worker, or at most `worth_processes` tasks, all are
    run in this process, otherwise in processes that each call `prepare` first.

    When a process dies, the oldest unfinished task is tried again alone; if its process dies again,
    its result is `WorkerLost`. The others that were lost are submitted again too. A task that is
    tried again is replaced by what `again` returns for it, since the first try may have succeeded
    before the process died. Closing the iterator waits for the tasks that have begun.
    """
    remaining = iter(tasks)
    first = list(itertools.islice(remaining, worth_processes + 1)) if workers > 1 else []
    every = itertools.chain(first, remaining)
    if len(first) <= worth_processes:
        for task in every:
            yield task if isinstance(task, Settled) else _attempted(run, task)
        return
    processes: _Processes[Task, Done, Known] = _Processes(run, workers, prepare, again)
    with contextlib.closing(processes):
        yield from processes.carried_out(every)


class _Processes(Generic[Task, Done, Known]):
    """A pool of processes that is replaced when one of them dies."""

    def __init__(
        self,
        run: Callable[[Task], Done],
        workers: int,
        prepare: Callable[[], None] | None,
        again: Callable[[Task], Task] | None,
    ) -> None:
        self._run = run
        self._prepare = prepare
        self._again = again
        self._workers = workers
        self._pool = self._new_pool(workers)
        self._waiting: collections.deque[_Pending[Task, Done] | Settled[Known]]
        self._waiting = collections.deque()

    def carried_out(
        self, tasks: Iterator[Task | Settled[Known]]
    ) -> Iterator[Attempt[Task, Done] | Settled[Known]]:
        for task in tasks:
            self._waiting.append(task if isinstance(task, Settled) else self._submitted(task))
            while len(self._waiting) >= self._workers * _WAITING:
                yield self._oldest()
        while self._waiting:
            yield self._oldest()

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _submitted(self, task: Task) -> "_Pending[Task, Done]":
        try:
            return _Pending(task, self._pool.submit(_attempted, self._run, task))
        except BrokenProcessPool as error:  # found out between two tasks
            lost: Future[Attempt[Task, Done]] = Future()
            lost.set_exception(error)
            return _Pending(task, lost)

    def _oldest(self) -> Attempt[Task, Done] | Settled[Known]:
        oldest = self._waiting.popleft()
        if isinstance(oldest, Settled):
            return oldest
        try:
            return oldest.future.result()
        except BrokenProcessPool:
            # Which task killed the process is not known: this one is tried alone, to find out.
            self._pool.shutdown(wait=True)
            attempt = self._alone(self._retried(oldest.task))
            self._pool = self._new_pool(self._workers)
            for place, other in enumerate(self._waiting):
                if isinstance(other, _Pending) and other.is_lost:
                    self._waiting[place] = self._submitted(self._retried(other.task))
            return attempt

    def _retried(self, task: Task) -> Task:
        return task if self._again is None else self._again(task)

    def _alone(self, task: Task) -> Attempt[Task, Done]:
        with self._new_pool(1) as pool:
            try:
                return pool.submit(_attempted, self._run, task).result()
            except BrokenProcessPool:
                lost = WorkerLost(
                    f"{task}: the process that worked on it died; if memory ran out, fewer "
                    "--workers or a smaller file need less"
                )
                return Attempt(task, lost, 0.0)

    def _new_pool(self, workers: int) -> ProcessPoolExecutor:
        # Not forked: the threads of torch and of the decoders would be missing in the child.
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(
            workers, mp_context=context, initializer=_begin, initargs=(self._prepare,)
        )


@dataclass(frozen=True)
class _Pending(Generic[Task, Done]):
    task: Task
    future: "Future[Attempt[Task, Done]]"

    @property
    def is_lost(self) -> bool:
        """Whether its process died."""
        return self.future.done() and isinstance(self.future.exception(), BrokenProcessPool)


def _attempted(run: Callable[[Task], Done], task: Task) -> Attempt[Task, Done]:
    start = perf_counter()
    result: Done | PredictorError
    try:
        result = run(task)
    except PredictorError as error:
        result = error
    return Attempt(task, result, perf_counter() - start)


def _begin(prepare: Callable[[], None] | None) -> None:
    """Set up a worker process: it ignores Ctrl-C, which its parent handles, and ends with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    silence_pillow()
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, name="follow the parent", daemon=True).start()
    if prepare is not None:
        prepare()
