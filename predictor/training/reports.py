"""Reports of a run: ``log.jsonl``, TensorBoard curves and progress lines."""

import contextlib
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from predictor.errors import OutputNotWritten
from predictor.run_folder import LOG_FILE
from predictor.whole_files import write_whole


class RunLog:
    """The reports of a run, in its folder.

    The first line of ``log.jsonl`` holds the settings, seed and version, every other one a report.
    Opening it at an iteration deletes the reports of later ones, which a resumed run repeats.
    """

    def __init__(self, folder: Path, header: Mapping[str, Any], iteration: int) -> None:
        self._path = folder / LOG_FILE
        kept = [line for line in reports_in(folder) if line.get("iteration", 0) <= iteration]
        lines = [json.dumps(line) for line in (kept or [dict(header)])]
        write_whole(self._path, "".join(f"{line}\n" for line in lines).encode())
        self._folder = folder / "tensorboard"
        with self._named_refusal(self._folder):
            self._curves = SummaryWriter(str(self._folder), purge_step=iteration + 1)

    def write(self, iteration: int, numbers: Mapping[str, float]) -> None:
        """Append one report; the keys name the units. A number that is not finite is null.

        Raises `OutputNotWritten`.
        """
        told = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
        with self._named_refusal(self._path), self._path.open("a") as file:
            file.write(json.dumps({"iteration": iteration, **told}) + "\n")
        with self._named_refusal(self._folder):
            for name, value in numbers.items():
                self._curves.add_scalar(name, value, iteration)

    def close(self) -> None:
        """Write out the curves."""
        with self._named_refusal(self._folder):
            self._curves.close()

    @contextlib.contextmanager
    def _named_refusal(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputNotWritten(f"{path} was not written: {error.strerror}") from error


class Means:
    """Means of named scalars, summed on their device and read from it only when asked for."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor | float] = {}
        self._counts: dict[str, int] = {}

    def add(self, measured: Mapping[str, Tensor | float]) -> None:
        """Add one iteration's scalars."""
        for name, value in measured.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
            self._counts[name] = self._counts.get(name, 0) + 1

    def read(self) -> dict[str, float]:
        """Return the means since the last call and reset them; waits for the device."""
        means = {name: float(total) / self._counts[name] for name, total in self._sums.items()}
        self._sums.clear()
        self._counts.clear()
        return means


def progress_line(iteration: int, iterations: int, numbers: Mapping[str, float]) -> str:
    """Return one line for a person: where the run is, its loss terms, its speed, the time left."""
    losses = "  ".join(
        f"{name.removeprefix('loss/')} {value:.4g}"
        for name, value in numbers.items()
        if name.startswith("loss/")
    )
    pace = numbers["time_per_iteration_s"]
    left = round((iterations - iteration) * pace)
    clock = f"{left // 3600}:{left // 60 % 60:02d}:{left % 60:02d}"
    return f"iteration {iteration}/{iterations}  {losses}  {pace:.3g} s each, {clock} left"


def reports_in(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of the log in `folder`, its header first; none where there is no log."""
    path = folder / LOG_FILE
    if not path.exists():
        return []
    found = []
    for line in path.read_text().splitlines():
        with contextlib.suppress(ValueError):  # a line that a kill cut short
            found.append(json.loads(line))
    return found
