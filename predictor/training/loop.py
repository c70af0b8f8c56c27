"""The one training loop: iterations, and what is done between them."""

import contextlib
import functools
import logging
import math
import os
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from predictor.errors import (
    Interrupted,
    OutputExists,
    SettingsError,
    UnusableData,
)
from predictor.run_folder import RUN_FILE
from predictor.systems.entry import SystemEntry, TrainingData
from predictor.systems.settings import RunSettings
from predictor.training.checkpoint import (
    checkpoint_path,
    checkpoints_newest_first,
    keep_as_best,
    keep_newest,
    write_checkpoint,
)
from predictor.training.distributed import Ranks, joined_ranks
from predictor.training.hardware import (
    Hardware,
    errors_with_remedies,
    hardware_for,
    in_use,
    peak_memory_mib,
)
from predictor.training.interrupts import StopRequest, noted_signals, raised_signals
from predictor.training.lock import sole_writer
from predictor.training.order import derived_seed
from predictor.training.refusal import gone_if_refused
from predictor.training.replay import iteration_runner
from predictor.training.reports import Means, RunLog, progress_line
from predictor.training.run import (
    Run,
    opened_run,
    resume_command,
    system_of_run,
    write_run_file,
)
from predictor.training.settings import changed_settings, merged, moved_places
from predictor.training.starting_state import built_state, restored_draws, run_facts
from predictor.training.state import Best, TrainingState
from predictor.training.stream import BatchStream, on_device
from predictor.training.training_warnings import TrainingWarnings

_logger = logging.getLogger(__name__)


def train(
    folder: str | os.PathLike[str],
    system_name: str,
    entry: SystemEntry,
    settings: RunSettings,
    data: str | os.PathLike[str],
    *,
    initial_weights: Mapping[str, Tensor] | None = None,
    begun_from: str | None = None,
    until: int | None = None,
) -> Path:
    """Train from fresh weights in the new run folder `folder` and return the last checkpoint.

    `initial_weights` are the weights to start the released network of the system from, and
    `begun_from` is the name of the model that they are of, for the model card. `until` stops after
    that many iterations, as if interrupted. Settings or data that are refused leave no file behind.
    Raises `OutputExists` for a folder with a run, `SettingsError` for an `until` beyond the run,
    `Interrupted` on a signal, after saving; and `DivergenceError`, `OutOfDeviceMemory`.
    """
    place, source = Path(folder), Path(data).absolute()
    run = Run(place, system_name, entry, settings, source, begun_from)
    return _run(run, until, is_new=True, record_run=run, initial_weights=initial_weights)


def resume(
    folder: str | os.PathLike[str],
    systems: Mapping[str, SystemEntry],
    *,
    changes: Mapping[str, Any] | None = None,
    data: str | os.PathLike[str] | None = None,
    until: int | None = None,
) -> Path:
    """Continue the run in `folder` from its newest whole checkpoint; return its last checkpoint.

    A CPU run continues bit for bit if machine, versions, device, number of ranks and threads are
    the same; a warning names those that differ. `changes` may set only `RunSettings.changeable`,
    for this call alone. A new path of the same data, by `data` or `RunSettings.places`, is
    remembered. Raises what `train` raises, and `UnknownRun`, `DamagedCheckpoint`, `SettingsError`.
    """
    folder = Path(folder)
    run, record_run = opened_run(folder, systems), None
    if data is not None:
        record_run = run = replace(run, data=Path(data).absolute())
    if changes:
        if moved := moved_places(type(run.settings), changes):
            record_run = run = replace(run, settings=changed_settings(run.settings, moved))
        run = replace(run, settings=changed_settings(run.settings, merged(changes, moved)))
    if data is not None and not run.data.exists():
        raise UnusableData(f"{data} does not exist; expected the data of {folder}")
    if not run.data.exists():
        raise UnusableData(
            f"{run.data}, which {folder} trains on, is not there any more; say where it is now: "
            f"{resume_command(folder)} --data DATA"
        )
    _require_places(run)
    return _run(run, until, is_new=False, record_run=record_run)


def _require_places(run: Run) -> None:
    """Raise `UnusableData` if a folder that the settings name is not there."""
    for name in sorted(run.settings.places):
        place = functools.reduce(getattr, name.split("."), run.settings)
        if place is not None and not Path(str(place)).exists():
            raise UnusableData(
                f"{place}, which {run.folder} trains with, is not there any more; say where it is "
                f"now: {resume_command(run.folder)} --set {name}=PATH"
            )


def _run(
    run: Run,
    until: int | None,
    *,
    is_new: bool,
    record_run: Run | None,
    initial_weights: Mapping[str, Tensor] | None = None,
) -> Path:
    """Train `run` on to its end; `record_run` is what to write into ``run.json``, if anything."""
    if until is not None and until > run.settings.iterations:
        raise SettingsError(
            f"--until {until} is beyond the {run.settings.iterations} iterations of the run"
        )
    hardware = hardware_for(run.settings)
    restart = "the same command" if is_new else resume_command(run.folder)
    with (
        in_use(hardware),
        joined_ranks(hardware.device) as ranks,
        raised_signals(f"stopped the run before its next iteration; continue with: {restart}"),
        sole_writer(run.folder) if ranks.is_main else contextlib.nullcontext(),
        gone_if_refused(run.folder) if ranks.is_main else contextlib.nullcontext(),
    ):
        if is_new:
            _require_free(run)
        with ranks.main_first():
            data = run.entry.open_data(run.settings, run.data, run.folder)
        for line in data.skipped:
            _logger.warning("skipped: %s", line)
        with errors_with_remedies(run.settings, hardware):
            is_begun = not is_new and bool(checkpoints_newest_first(run.checkpoints))
            examples = None if is_begun else data.train
            state = built_state(run, hardware, initial_weights, examples)
            facts = run_facts(hardware, ranks, data)
            drawn = 0 if is_new else restored_draws(run, state, facts)
            is_newest_best = state.best is not None and state.best.iteration == state.iteration
            if ranks.is_main and is_newest_best:  # a kill may have come between the two writes
                keep_as_best(checkpoint_path(run.checkpoints, state.iteration))
            stream = BatchStream(
                data.train, run.settings, hardware, ranks, drawn, state.system.share_multiple
            )
            with (
                contextlib.closing(stream),
                noted_signals() as request,
            ):
                _logger.info("%s", _announced(run, facts))
                loop = _Loop(run, record_run, hardware, ranks, request, data, state, facts)
                return loop.advance(stream, until)


def _announced(run: Run, facts: Mapping[str, Any]) -> str:
    """Return what is said as the iterations begin."""
    return (
        f"{run.system_name} on {facts['examples']} examples an epoch of {run.data}; "
        f"{facts['device']}, {facts['precision']}; a report every {run.settings.report_every} "
        "iterations"
    )


class _Loop:
    """One process's part of a run that is under way."""

    def __init__(
        self,
        run: Run,
        record_run: Run | None,
        hardware: Hardware,
        ranks: Ranks,
        request: StopRequest,
        data: TrainingData,
        state: TrainingState,
        facts: Mapping[str, Any],
    ) -> None:
        self.run, self.record_run = run, record_run
        self.hardware, self.ranks, self.request = hardware, ranks, request
        self.data, self.state, self.facts = data, state, facts
        self.means = Means()
        self.warnings = TrainingWarnings()
        self.reported = state.iteration
        """The iteration of the last report."""

    def advance(self, stream: BatchStream, until: int | None) -> Path:
        """Run iterations up to the end, `until` or a signal; return the last checkpoint."""
        state, settings = self.state, self.run.settings
        end = settings.iterations if until is None else min(until, settings.iterations)
        saved = checkpoint_path(self.run.checkpoints, state.iteration)
        if state.iteration == 0:
            self.save(stream)
        if self.record_run is not None and self.ranks.is_main:
            # Only now: without its first checkpoint a run begun from a model could not be resumed.
            write_run_file(self.record_run)
        if state.iteration and state.iteration >= end:
            _logger.info("nothing to do: %d iterations done, %d asked for", state.iteration, end)
        run_next = iteration_runner(state, stream.draw, settings.seed, self.hardware, self.ranks)
        with self._log() as log:
            while state.iteration < end:
                start = time.perf_counter()
                number = state.iteration + 1
                is_last = number == settings.iterations
                is_reported = number % settings.report_every == 0 or is_last
                waited_s = stream.waited_s
                self.means.add(run_next(is_detailed=is_reported))
                if is_reported:
                    state.require_finite()
                elapsed_s = time.perf_counter() - start
                state.training_time_s += elapsed_s
                self.means.add(
                    {
                        "time_per_iteration_s": elapsed_s,
                        "wait_for_data_s": stream.waited_s - waited_s,
                    }
                )
                if is_reported:
                    self.report(log)
                is_best = False
                if number % settings.validate_every == 0 or is_last:
                    is_best = self.validate(log)
                if number % settings.preview_every == 0 or is_last:
                    self.preview()
                signal_number = self.ranks.largest(self.request.signal_number)
                is_stopping = number == end or signal_number
                if number % settings.checkpoint_every == 0 or is_best or is_stopping:
                    saved = self.save(stream, is_best=is_best)
                if signal_number and number < settings.iterations:
                    raise Interrupted(
                        f"{signal.Signals(signal_number).name} stopped the run after iteration "
                        f"{number}, which is saved; continue with: "
                        f"{resume_command(self.run.folder)}",
                        signal_number,
                    )
        return saved

    def save(self, stream: BatchStream, *, is_best: bool = False) -> Path:
        """Write the checkpoint of the present state; a state that diverged is never written."""
        self.state.require_finite()
        path = checkpoint_path(self.run.checkpoints, self.state.iteration)
        if self.ranks.is_main:
            record = {
                "system": self.run.system_name,
                "settings": self.run.settings.model_dump(mode="json"),
                "drawn": stream.drawn,
                "facts": self.facts,
                **self.state.numbers(),
            }
            write_checkpoint(path, self.state.tensors(), record)
            if is_best:
                keep_as_best(path)
            keep_newest(
                self.run.checkpoints, self.run.settings.keep_checkpoints, self.state.iteration
            )
        return path

    def report(self, log: RunLog | None) -> None:
        """Write the means since the last report."""
        numbers = self.means.read()
        if log is None:
            return
        self.warnings.check_losses(numbers, self.state.iteration, self.reported)
        self.warnings.check_loading(numbers, self.data.loading_remedy)
        self.reported = self.state.iteration
        numbers["training_time_s"] = self.state.training_time_s
        numbers["peak_memory_mib"] = peak_memory_mib(self.hardware)
        log.write(self.state.iteration, numbers)
        total = self.run.settings.iterations
        _logger.info("%s", progress_line(self.state.iteration, total, numbers))

    def validate(self, log: RunLog | None) -> bool:
        """Log the scores of the networks that would be released; return whether they are the best.

        Only the main process validates; the others wait for it at their next collective call.
        """
        if log is None:
            return False
        state = self.state
        state.require_finite()
        torch.manual_seed(derived_seed(self.run.settings.seed, "validation"))
        with torch.no_grad():
            batches = (on_device(batch, self.hardware.device) for batch in self.data.validation)
            numbers = state.system.validate(state.for_evaluation(), batches)
        state.enter_training()
        log.write(state.iteration, {f"validation/{key}": value for key, value in numbers.items()})
        shown = "  ".join(f"{key} {value:.4g}" for key, value in numbers.items())
        _logger.info("validation after iteration %d: %s", state.iteration, shown or "no data")
        self.warnings.check_validation(numbers, state.iteration)
        if state.system.best_by is None:
            return False
        name, direction = state.system.best_by
        self.warnings.check_choice(name, numbers)
        value = numbers.get(name, math.nan)
        sign = 1 if direction == "max" else -1
        if math.isnan(value) or (state.best and not sign * value > sign * state.best.value):
            return False
        state.best = Best(value, state.iteration)
        return True

    def preview(self) -> None:
        """Let the system write pictures of its first validation batch."""
        batch = next(iter(self.data.validation), None) if self.ranks.is_main else None
        if batch is None:
            return
        self.state.require_finite()
        folder = self.run.folder / "previews" / f"iteration-{self.state.iteration:06d}"
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(derived_seed(self.run.settings.seed, "preview"))
        with torch.no_grad():
            networks = self.state.for_evaluation()
            self.state.system.preview(networks, on_device(batch, self.hardware.device), folder)
        self.state.enter_training()

    @contextlib.contextmanager
    def _log(self) -> Iterator[RunLog | None]:
        if not self.ranks.is_main:
            yield None
            return
        header = {
            "system": self.run.system_name,
            "settings": self.run.settings.model_dump(mode="json"),
            "seed": self.run.settings.seed,
            "version": self.facts["predictor"],
            "facts": self.facts,
        }
        log = RunLog(self.run.folder, header, self.state.iteration)
        try:
            yield log
        finally:
            log.close()


def _require_free(run: Run) -> None:
    """Raise `OutputExists` for a folder with a run.

    A lone checkpoint of iteration 0 is no run: a kill left it before the run file was written.
    """
    folder = run.folder
    if (folder / RUN_FILE).exists():
        there = system_of_run(folder)
        if there not in (None, run.system_name):
            raise OutputExists(
                f"{folder} holds a run of {there}, not of {run.system_name}; choose another folder"
            )
        raise OutputExists(f"{folder} holds a run; continue it with: {resume_command(folder)}")
    newest = next(iter(checkpoints_newest_first(run.checkpoints)), None)
    if newest not in (None, checkpoint_path(run.checkpoints, 0)):
        raise OutputExists(f"{newest} is of a run whose {RUN_FILE} is gone; choose another folder")
