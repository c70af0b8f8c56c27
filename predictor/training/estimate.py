"""An estimate of the time and memory of a run, measured on a few iterations that are discarded."""

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from predictor.systems.entry import SystemEntry
from predictor.systems.settings import RunSettings
from predictor.training.distributed import Ranks
from predictor.training.hardware import errors_with_remedies, hardware_for, in_use, peak_memory_mib
from predictor.training.replay import iteration_runner, until_replayed
from predictor.training.run import Run
from predictor.training.starting_state import built_state
from predictor.training.stream import BatchStream

TIMED_ITERATIONS = 3
"""Iterations that are timed, at least."""
TIMED_S = 1.0
"""Fast iterations are timed for this long, because single ones vary."""


@dataclass(frozen=True)
class Estimate:
    """The size of a run."""

    parameters: dict[str, int]
    """Trained parameters by network."""
    examples: int
    skipped: list[str]
    device: str
    precision: str
    peak_memory_mib: float
    time_per_iteration_s: float
    waiting_share: float
    """Share of that time that goes into waiting for data."""
    loading_remedy: str
    total_time_s: float


def estimated(
    system_name: str,
    entry: SystemEntry,
    settings: RunSettings,
    data_path: Path,
    cache: Path | None = None,
) -> Estimate:
    """Return the size of the run, measured over a few iterations on the data.

    They are as late in the run, when all that begins late is trained too. Writes nothing except the
    decoded data, if a folder `cache` is given. The first iterations are not timed: they wait for
    the loading processes to start.
    """
    run = Run(data_path, system_name, entry, settings, data_path)
    hardware = hardware_for(settings)
    with in_use(hardware), errors_with_remedies(settings, hardware):
        data = entry.open_data(settings, data_path, cache)
        state = built_state(run, hardware)
        with contextlib.closing(BatchStream(data.train, settings, hardware, Ranks())) as stream:
            run_next = iteration_runner(state, stream.draw, settings.seed, hardware)
            run_next()  # phases may ask for the losses of an earlier iteration
            state.iteration = settings.iterations
            for _ in range(until_replayed(state.system) if hardware.replay else 1):
                run_next()
            start, waited_s = time.perf_counter(), stream.waited_s
            done, elapsed_s = 0, 0.0
            while done < TIMED_ITERATIONS or elapsed_s < TIMED_S:
                run_next()
                if hardware.is_cuda:
                    torch.cuda.synchronize()
                done, elapsed_s = done + 1, time.perf_counter() - start
            pace, waited_s = elapsed_s / done, stream.waited_s - waited_s
    return Estimate(
        parameters={
            name: sum(parameter.numel() for parameter in parameters.values())
            for name, parameters in state.trainable.items()
        },
        examples=len(data.train),
        skipped=data.skipped,
        device=str(hardware.device),
        precision=hardware.precision,
        peak_memory_mib=peak_memory_mib(hardware),
        time_per_iteration_s=pace,
        waiting_share=waited_s / elapsed_s,
        loading_remedy=data.loading_remedy,
        total_time_s=pace * settings.iterations,
    )
