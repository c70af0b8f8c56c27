"""Iterations recorded once on a GPU and replayed: small networks compute faster than they are told.

A replay is one call for all that an iteration computes (a CUDA graph), so what is left is the
device's own time. It computes what the recorded iteration did, from batches, random numbers,
learning rates and weights that are put where those of the recorded one were.
"""

import functools
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import torch
from torch import Generator, Tensor

from predictor.draws import shared_draws
from predictor.systems.phases import Batch
from predictor.training.distributed import Ranks
from predictor.training.hardware import Hardware
from predictor.training.iteration import (
    begin_iteration,
    end_iteration,
    run_iteration,
    run_phases,
    seed_of_draws,
)
from predictor.training.state import TrainingState

WARM_UP = 2
"""Iterations before the first is recorded: what is allocated and chosen once is so in them."""

UNTIL_REPLAYED = WARM_UP + 2
"""Iterations after which all are replayed: one more runs as it is, one is recorded."""

_logger = logging.getLogger(__name__)

Measured = dict[str, Tensor | float]


class IterationRunner(Protocol):
    """Runs the next iteration, as `run_iteration` does."""

    def __call__(self, *, is_detailed: bool = False) -> Measured:
        """Return the scalars that it measured."""


class Recording(Protocol):
    """What an iteration computes, recorded."""

    @property
    def measured(self) -> Mapping[str, Tensor]:
        """Where each replay leaves what it measures."""

    @property
    def losses(self) -> Mapping[str, Tensor]:
        """Where it leaves `TrainingState.losses`."""

    def replay(self, seed: int) -> None:
        """Compute it again, drawing from `seed` what belongs to examples."""


Record = Callable[[TrainingState, Hardware, Sequence[Batch]], Recording]
"""Records an iteration on batches, which each replay reads; `RuntimeError` where it cannot."""


def iteration_runner(
    state: TrainingState,
    draw: Callable[[], Batch],
    seed: int,
    hardware: Hardware,
    ranks: Ranks | None = None,
) -> IterationRunner:
    """Return what runs the iterations of `state`: replayed where the device and the system allow.

    They do on one GPU, where no phase asks after a loss whether it is due.
    """
    ranks = ranks or Ranks()
    is_fixed = all(phase.when is None for phase in state.system.phases)
    if hardware.replay and ranks.size == 1 and is_fixed:
        return ReplayedIterations(state, draw, seed, hardware)
    return functools.partial(run_iteration, state, draw, seed, hardware, ranks)


class ReplayedIterations:
    """The iterations of a state, replayed where they are alike.

    One whose batches have other shapes than the recorded ones runs as it is. Momentum is part of a
    recording: where it changes, a new one is made. A system that cannot be recorded is run as it
    is. A replay has no gradient norms of single terms, which each take a backward pass.
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
        self._recording: Recording | None = None
        self._batches: list[dict[str, Tensor]] = []
        """What a replay reads, each iteration's batches copied into it."""
        self._momenta: list[tuple[float, float]] | None = None
        """Of the recording."""
        self._plain_left: float = WARM_UP
        """Iterations that run as they are before one is recorded."""
        self._drawn = 0
        """Batches of one iteration."""

    def __call__(self, *, is_detailed: bool = False) -> Measured:
        """Run the next iteration and return the scalars that it measured; replayed, no more."""
        if self._plain_left:
            self._plain_left = max(0, self._plain_left - 1)
            return self._run_plainly(is_detailed=is_detailed)
        rates = begin_iteration(self._state, self._seed, Ranks())
        if self._momenta != (momenta := _momenta(self._state)):
            self._recording, self._momenta = None, momenta
            return self._run_plainly()  # the optimizer may allocate for the first time
        batches = [self._draw() for _ in range(self._drawn)]
        if self._recording is None:
            self._recording = self._recorded(batches)
        if self._recording is None or not self._takes(batches):
            return self._run_plainly(batches)
        for kept, batch in zip(self._batches, batches, strict=True):
            for name, value in batch.items():
                kept[name].copy_(value)
        self._recording.replay(seed_of_draws(self._state, self._seed))
        self._state.losses.update(self._recording.losses)
        return end_iteration(self._state, self._recording.measured, rates, Ranks())

    def _run_plainly(self, drawn: Sequence[Batch] = (), *, is_detailed: bool = False) -> Measured:
        """Run the iteration on the batches `drawn` for it, or on new ones."""
        given, taken = list(drawn), []

        def draw() -> Batch:
            taken.append(given.pop(0) if given else self._draw())
            return taken[-1]

        measured = run_iteration(
            self._state, draw, self._seed, self._hardware, is_detailed=is_detailed
        )
        self._drawn = len(taken)
        return measured

    def _recorded(self, batches: Sequence[Batch]) -> Recording | None:
        """Return an iteration recorded on copies of `batches`; None where it cannot be."""
        self._batches = [
            {name: value.clone() for name, value in batch.items()} for batch in batches
        ]
        try:
            return self._record(self._state, self._hardware, self._batches)
        except RuntimeError as error:
            _logger.info("iterations are not replayed: %s", str(error).partition("\n")[0])
            self._plain_left = math.inf
            return None

    def _takes(self, batches: Sequence[Batch]) -> bool:
        """Return whether the recorded iteration computes with batches of such shapes."""
        return [_shapes(batch) for batch in batches] == [_shapes(batch) for batch in self._batches]


class CudaRecording:
    """An iteration recorded as a CUDA graph on the batches given, which are read by each replay.

    Raises `RuntimeError` for one that asks the device for a result or draws on the processor.
    """

    def __init__(self, state: TrainingState, hardware: Hardware, batches: Sequence[Batch]) -> None:
        self._graph = torch.cuda.CUDAGraph()
        self._draws = Generator(hardware.device)
        self._graph.register_generator_state(self._draws)
        source = iter(batches)
        try:
            with (
                # Other threads meanwhile pin memory for batches to come.
                torch.cuda.graph(self._graph, capture_error_mode="thread_local"),
                shared_draws(0, generators={hardware.device: self._draws}),
            ):
                self.measured = run_phases(state, lambda: next(source), hardware, Ranks())
        except RuntimeError:
            _forget_recording(hardware.device)
            raise
        self.losses = dict(state.losses)

    def replay(self, seed: int) -> None:
        """Compute the iteration on what the batches hold now."""
        self._draws.manual_seed(seed)
        self._graph.replay()


def _forget_recording(device: torch.device) -> None:
    """Let the device's random numbers come from its generator again, after a recording failed."""
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
