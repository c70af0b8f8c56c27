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

Task = TypeVar("Task")
Done = TypeVar("Done")
Known = TypeVar("Known")


@dataclass(frozen=True)
class Settled(Generic[Known]):
    """A task whose result is known: it is yielded in its place, and nothing is run for it."""

    value: Known


@dataclass(frozen=True)
class Carried(Generic[Task, Done]):
    """A task that was carried out."""

    task: Task
    result: Done | PredictorError
    seconds: float
    """What it took, where it was done."""


_WAITING = 4
"""Tasks that are handed out ahead for each process."""


def carried_out(
    tasks: Iterable[Task | Settled[Known]],
    run: Callable[[Task], Done],
    workers: int,
    worth_processes: int = 8,
    prepare: Callable[[], None] | None = None,
    again: Callable[[Task], Task] | None = None,
) -> Generator[Carried[Task, Done] | Settled[Known], None, None]:
    """Yield each task with what `run` returned or the `PredictorError` that it raised, in order.

    `run` is importable and `tasks` are picklable; few tasks are taken ahead, so any number takes
    the same memory. With one worker, or up to `worth_processes` tasks, all happens in this process;
    else each process begins with `prepare`. A task whose process dies gets `WorkerLost`, the others
    are done all the same: once more, as `again` returns them, since they may have been done when
    it died. When the iterator is closed, what has begun is finished.
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
    """A pool that outlives the death of its processes."""

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
    ) -> Iterator[Carried[Task, Done] | Settled[Known]]:
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
            lost: Future[Carried[Task, Done]] = Future()
            lost.set_exception(error)
            return _Pending(task, lost)

    def _oldest(self) -> Carried[Task, Done] | Settled[Known]:
        oldest = self._waiting.popleft()
        if isinstance(oldest, Settled):
            return oldest
        try:
            return oldest.future.result()
        except BrokenProcessPool:
            # Nobody knows whose fault it was: this one is tried alone, those behind it once more.
            self._pool.shutdown(wait=True)
            carried = self._alone(self._retried(oldest.task))
            self._pool = self._new_pool(self._workers)
            for place, other in enumerate(self._waiting):
                if isinstance(other, _Pending) and other.is_lost:
                    self._waiting[place] = self._submitted(self._retried(other.task))
            return carried

    def _retried(self, task: Task) -> Task:
        return task if self._again is None else self._again(task)

    def _alone(self, task: Task) -> Carried[Task, Done]:
        with self._new_pool(1) as pool:
            try:
                return pool.submit(_attempted, self._run, task).result()
            except BrokenProcessPool:
                lost = WorkerLost(
                    f"{task}: the process that worked on it died; if memory ran out, fewer "
                    "--workers or a smaller file need less"
                )
                return Carried(task, lost, 0.0)

    def _new_pool(self, workers: int) -> ProcessPoolExecutor:
        # Not forked: the threads of torch and of the decoders would be missing in the child.
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(
            workers, mp_context=context, initializer=_begin, initargs=(self._prepare,)
        )


@dataclass(frozen=True)
class _Pending(Generic[Task, Done]):
    task: Task
    future: "Future[Carried[Task, Done]]"

    @property
    def is_lost(self) -> bool:
        """Whether its process died."""
        return self.future.done() and isinstance(self.future.exception(), BrokenProcessPool)


def _attempted(run: Callable[[Task], Done], task: Task) -> Carried[Task, Done]:
    start = perf_counter()
    result: Done | PredictorError
    try:
        result = run(task)
    except PredictorError as error:
        result = error
    return Carried(task, result, perf_counter() - start)


def _begin(prepare: Callable[[], None] | None) -> None:
    """Set a worker process up: Ctrl-C is left to its parent, and it ends when its parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, name="follow the parent", daemon=True).start()
    if prepare is not None:
        prepare()
