"""Iterations recorded once on a GPU as a CUDA graph, and replayed.

With small networks, launching the kernels of an iteration one by one takes longer than computing
them; a replay launches all with one call. It runs the recorded kernels on the recorded addresses,
so batches, random state, learning rates and weights are updated in place before it.
"""

import functools
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Generator, Tensor

from predictor.devices import is_out_of_memory
from predictor.draws import shared_draws
from predictor.systems.phases import Batch, System
from predictor.training.distributed import Ranks
from predictor.training.hardware import Hardware
from predictor.training.iteration import (
    begin_iteration,
    end_iteration,
    phases_due,
    run_iteration,
    run_phases,
    seed_of_draws,
)
from predictor.training.state import TrainingState

WARM_UP = 2
"""Iterations that run before one is recorded, for what is allocated and chosen on first use."""

_logger = logging.getLogger(__name__)

Measured = dict[str, Tensor | float]


class IterationRunner(Protocol):
    """Runs the next iteration, as `run_iteration` does."""

    def __call__(self, *, is_detailed: bool = False) -> Measured:
        """Return the scalars that it measured."""


class Recording(Protocol):
    """The computation of an iteration, recorded."""

    @property
    def measured(self) -> Mapping[str, Tensor]:
        """Where each replay leaves what it measures."""

    @property
    def losses(self) -> Mapping[str, Tensor]:
        """Where it leaves `TrainingState.losses`."""

    def replay(self, seed: int) -> None:
        """Compute it again; `predictor.draws` is seeded with `seed`."""


Record = Callable[[TrainingState, Hardware, Sequence[Batch], Collection[str]], Recording]
"""Records the named phases on batches, which each replay reads; `RuntimeError` where it cannot."""


def iteration_runner(
    state: TrainingState,
    draw: Callable[[], Batch],
    seed: int,
    hardware: Hardware,
    ranks: Ranks | None = None,
) -> IterationRunner:
    """Return what runs the iterations of `state`, replayed where that is possible: on one GPU."""
    ranks = ranks or Ranks()
    if hardware.replay and ranks.size == 1:
        return ReplayedIterations(state, draw, seed, hardware)
    return functools.partial(run_iteration, state, draw, seed, hardware, ranks)


def until_replayed(system: System) -> int:
    """Return the iterations after which all are replayed, of a system whose phases take turns.

    Each turn warms up, runs normally once more, and is recorded.
    """
    return (WARM_UP + 2) * max(1, sum(phase.when is not None for phase in system.phases))


@dataclass
class _Turn:
    """The iterations in which the same phases are due."""

    plain_left: int = WARM_UP
    """Those that still run normally before one is recorded."""
    drawn: int = 0
    """Number of batches that one draws."""
    recording: Recording | None = None
    batches: list[dict[str, Tensor]] = field(default_factory=list)
    """The batches that a replay reads; those of each iteration are copied into them."""
    momenta: list[tuple[float, float]] | None = None
    """Momentum and dampening of the recording, by optimizer."""

    def takes(self, batches: Sequence[Batch]) -> bool:
        """Return whether `batches` have the shapes of the recorded ones."""
        return [_shapes(batch) for batch in batches] == [_shapes(batch) for batch in self.batches]


class ReplayedIterations:
    """Runs the iterations of a state by replaying recorded ones.

    Where phases take turns by the number of the iteration, each turn has a recording of its own. An
    iteration runs normally if its batches have other shapes than the recorded ones or a condition
    asks for a loss, and so do all of a system that cannot be recorded. Momentum is a constant of a
    recording: when it changes, a new one is made. A replay does not measure gradient norms of
    single terms.
    """

    def __init__(
        self,
        state: TrainingState,
        draw: Callable[[], Batch],
        seed: int,
        hardware: Hardware,
        record: Record | None = None,
    ) -> None:
        self._state, self._draw, self._seed, self._hardware = state, draw, seed, hardware
        self._record: Record = record or CudaRecording
        self._turns: defaultdict[tuple[str, ...], _Turn] = defaultdict(_Turn)
        """By the names of the phases that are due."""
        self._can_record = True

    def __call__(self, *, is_detailed: bool = False) -> Measured:
        """Run the next iteration and return the scalars that it measured."""
        due = phases_due(self._state)
        if due is None or not self._can_record:
            return run_iteration(
                self._state, self._draw, self._seed, self._hardware, is_detailed=is_detailed
            )
        turn = self._turns[due]
        if turn.plain_left:
            turn.plain_left -= 1
            return self._run_plainly(turn, is_detailed=is_detailed)
        rates = begin_iteration(self._state, self._seed, Ranks())
        if turn.momenta != (momenta := _momenta(self._state)):
            turn.recording, turn.momenta = None, momenta
            return self._run_plainly(turn)  # the optimizer may allocate for the first time
        batches = [self._draw() for _ in range(turn.drawn)]
        if turn.recording is None:
            turn.batches = [
                {name: value.clone() for name, value in batch.items()} for batch in batches
            ]
            turn.recording = self._recorded(turn.batches, due)
        if turn.recording is None or not turn.takes(batches):
            return self._run_plainly(turn, batches)
        for kept, batch in zip(turn.batches, batches, strict=True):
            for name, value in batch.items():
                kept[name].copy_(value)
        turn.recording.replay(seed_of_draws(self._state, self._seed))
        self._state.losses.update(turn.recording.losses)
        return end_iteration(self._state, turn.recording.measured, rates, Ranks())

    def _run_plainly(
        self, turn: _Turn, drawn: Sequence[Batch] = (), *, is_detailed: bool = False
    ) -> Measured:
        """Run an iteration without replaying, on batches already `drawn` for it and new ones."""
        given, taken = list(drawn), []

        def draw() -> Batch:
            taken.append(given.pop(0) if given else self._draw())
            return taken[-1]

        measured = run_iteration(
            self._state, draw, self._seed, self._hardware, is_detailed=is_detailed
        )
        turn.drawn = len(taken)
        return measured

    def _recorded(self, batches: Sequence[Batch], due: tuple[str, ...]) -> Recording | None:
        """Return the phases recorded on `batches`; None if they cannot be recorded."""
        try:
            return self._record(self._state, self._hardware, batches, due)
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            _logger.info("iterations are not replayed: %s", str(error).partition("\n")[0])
            self._can_record = False
            return None


class CudaRecording:
    """The phases `due` recorded as a CUDA graph; each replay reads `batches` again.

    Raises `RuntimeError` for an iteration that waits for a result of the device or draws random
    numbers on the CPU.
    """

    def __init__(
        self,
        state: TrainingState,
        hardware: Hardware,
        batches: Sequence[Batch],
        due: Collection[str],
    ) -> None:
        self._graph = torch.cuda.CUDAGraph()
        self._draws = Generator(hardware.device)
        self._graph.register_generator_state(self._draws)
        source = iter(batches)
        try:
            with (
                # "thread_local", because other threads pin memory for later batches meanwhile.
                torch.cuda.graph(self._graph, capture_error_mode="thread_local"),
                shared_draws(0, generators={hardware.device: self._draws}),
            ):
                self.measured = run_phases(state, lambda: next(source), hardware, Ranks(), due=due)
        except RuntimeError:
            _forget_recording(hardware.device)
            raise
        self.losses = {
            name: loss for name, loss in state.losses.items() if name.partition("/")[0] in due
        }

    def replay(self, seed: int) -> None:
        """Compute the iteration on the present content of the batches."""
        self._draws.manual_seed(seed)
        self._graph.replay()


def _forget_recording(device: torch.device) -> None:
    """Detach the device's default generator from a recording that failed, so it can draw again."""
    usual = torch.cuda.default_generators[device.index or 0]
    usual.graphsafe_set_state(Generator(device).graphsafe_get_state())


def _momenta(state: TrainingState) -> list[tuple[float, float]]:
    """Return momentum and dampening of every optimizer that has them."""
    return [
        (group.get("momentum", 0.0), group.get("dampening", 0.0))
        for optimizer in state.optimizers.values()
        for group in optimizer.param_groups
    ]


def _shapes(batch: Batch) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (value.shape, value.dtype) for name, value in batch.items()}
