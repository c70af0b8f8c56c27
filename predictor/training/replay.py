"""Iterations recorded once on a GPU as a CUDA graph, and replayed.

With small networks, launching the kernels of an iteration one by one takes longer than computing
them; a replay launches all with one call. It runs the recorded kernels on the recorded addresses,
so batches, random state, learning rates and weights are updated in place before it.
"""

import functools
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import torch
from torch import Generator, Tensor

from predictor.devices import is_out_of_memory
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
"""Iterations that run before one is recorded, for what is allocated and chosen on first use."""

UNTIL_REPLAYED = WARM_UP + 2
"""Iterations after which all are replayed: after the warm-up one runs normally, one is recorded."""

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


Record = Callable[[TrainingState, Hardware, Sequence[Batch]], Recording]
"""Records an iteration on batches, which each replay reads; `RuntimeError` where it cannot."""


def iteration_runner(
    state: TrainingState,
    draw: Callable[[], Batch],
    seed: int,
    hardware: Hardware,
    ranks: Ranks | None = None,
) -> IterationRunner:
    """Return what runs the iterations of `state`, replayed where that is possible.

    It is on one GPU, for a system whose phases have no conditions.
    """
    ranks = ranks or Ranks()
    is_fixed = all(phase.when is None for phase in state.system.phases)
    if hardware.replay and ranks.size == 1 and is_fixed:
        return ReplayedIterations(state, draw, seed, hardware)
    return functools.partial(run_iteration, state, draw, seed, hardware, ranks)


class ReplayedIterations:
    """Runs the iterations of a state by replaying a recorded one.

    An iteration whose batches have other shapes than the recorded ones runs normally, and so do all
    of a system that cannot be recorded. Momentum is a constant of a recording: when it changes, a
    new one is made. A replay does not measure gradient norms of single terms.
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
        """The batches that a replay reads; those of each iteration are copied into them."""
        self._momenta: list[tuple[float, float]] | None = None
        """Momentum and dampening of the recording, by optimizer."""
        self._plain_left: float = WARM_UP
        """Iterations that still run normally before one is recorded."""
        self._drawn = 0
        """Number of batches that an iteration draws."""

    def __call__(self, *, is_detailed: bool = False) -> Measured:
        """Run the next iteration and return the scalars that it measured."""
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
        """Run an iteration without replaying, on batches already `drawn` for it and new ones."""
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
        """Return an iteration recorded on copies of `batches`; None if it cannot be recorded."""
        self._batches = [
            {name: value.clone() for name, value in batch.items()} for batch in batches
        ]
        try:
            return self._record(self._state, self._hardware, self._batches)
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            _logger.info("iterations are not replayed: %s", str(error).partition("\n")[0])
            self._plain_left = math.inf
            return None

    def _takes(self, batches: Sequence[Batch]) -> bool:
        """Return whether `batches` have the shapes of the recorded ones."""
        return [_shapes(batch) for batch in batches] == [_shapes(batch) for batch in self._batches]


class CudaRecording:
    """An iteration recorded as a CUDA graph; each replay reads `batches` again.

    Raises `RuntimeError` for an iteration that waits for a result of the device or draws random
    numbers on the CPU.
    """

    def __init__(self, state: TrainingState, hardware: Hardware, batches: Sequence[Batch]) -> None:
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
                self.measured = run_phases(state, lambda: next(source), hardware, Ranks())
        except RuntimeError:
            _forget_recording(hardware.device)
            raise
        self.losses = dict(state.losses)

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
