"""What a command reports about each input: for people, for programs, and as its exit code."""

import sysconfig
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import predictor
from predictor.errors import Interrupted, PredictorError, SettingsError

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_PARTLY_FAILED = 3
EXIT_INTERRUPTED = 130


class Result(Protocol):
    """What a pipeline reports of one input that it processed."""

    @property
    def how(self) -> str:
        """How it was done, in one line; empty where there is nothing to say."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know."""

    @property
    def dropped(self) -> tuple[str, ...]:
        """What the source has and the output has not."""

    @property
    def files(self) -> list[Path]:
        """Every path written, the main one first."""

    def as_json(self) -> dict[str, Any]:
        """Return what `json.dump` takes, with the output's path as ``output``."""


@dataclass(frozen=True)
class Outcome:
    """One input with its result, or with the error that it ended in."""

    input: Path
    result: Result | None = None
    error: PredictorError | None = None
    is_planned: bool = False
    was_done_before: bool = False
    """An earlier run of the same command did it already."""
    notes: tuple[str, ...] = ()
    """What else is to be said of this input, in words."""
    is_extra: bool = False
    """An output that belongs to no single input, such as the preview sheet."""

    @property
    def status(self) -> str:
        """``done``, ``planned`` (a dry run) or ``failed``."""
        if self.error is not None:
            return "failed"
        return "planned" if self.is_planned else "done"

    def as_json(self) -> dict[str, Any]:
        """Return the entry of the document that ``--json`` prints."""
        entry: dict[str, Any] = {
            "input": str(self.input),
            "output": None,
            "status": self.status,
            "error": None,
        }
        if self.error is not None:
            entry["error"] = {"type": type(self.error).__name__, "message": one_line(self.error)}
        if self.was_done_before:
            entry["was_done_before"] = True
        if self.notes:
            entry["notes"] = list(self.notes)
        if self.result is not None:
            entry |= self.result.as_json()
        return entry


@dataclass
class Tally:
    """Counts of how the inputs ended."""

    count: int = 0
    failed: int = 0
    was_done_before: int = 0
    left_as_is: int = 0
    """Inputs in which there was nothing to do."""
    is_usage: bool = False
    """Whether the first error was a setting that cannot work."""

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        self.count += not outcome.is_extra
        if outcome.error is not None:
            self.is_usage = self.is_usage or (
                not self.failed and isinstance(outcome.error, SettingsError)
            )
            self.failed += 1
        self.was_done_before += outcome.was_done_before
        if outcome.error is None and not outcome.was_done_before:
            self.left_as_is += getattr(outcome.result, "is_unchanged", False)

    def exit_code(self, is_batch: bool) -> int:
        """Return 0 if nothing failed, 3 for a batch with failures, else 1 for the failed input.

        It is 2, a usage error, if that input failed because of a setting that cannot work for it.
        """
        if not self.failed:
            return EXIT_DONE
        if is_batch:
            return EXIT_PARTLY_FAILED
        return EXIT_USAGE if self.is_usage else EXIT_FAILED


class UnusableOption(SettingsError):
    """An option that can work for no input of a command, found when its first input was begun."""


def fatal_code(error: PredictorError) -> int:
    """Return the exit code of a command that was ended by an error that concerns all inputs."""
    if isinstance(error, Interrupted):
        return 128 + error.signal_number
    return EXIT_USAGE if isinstance(error, SettingsError) else EXIT_FAILED


def failed_document(code: int, error: str) -> dict[str, Any]:
    """Return the document that ``--json`` prints for an error that belongs to no input."""
    return {"results": [], "exit_code": code, "error": error}


def bug_report(error: Exception, shown_by: str = "predictor --debug …") -> str:
    """Return how an unexpected error is reported: a bug of this program, or of a program around it.

    The latter is where a system, network or loss of somebody's own failed. More of either is
    `shown_by` those options.
    """
    what = f"{type(error).__name__}: {one_line(error)}"
    foreign = _foreign_line(error)
    where = f"{foreign.filename}:{foreign.lineno}" if foreign else "a bug in predictor"
    return f"{what} ({where}; {shown_by} shows {'more' if foreign else 'where'})"


def _foreign_line(error: Exception) -> traceback.FrameSummary | None:
    """Return the innermost line outside of libraries; None if it is this program's."""
    ours = [Path(package).parent for package in (predictor.__file__, __file__)]
    libraries = {Path(sysconfig.get_path(kind)) for kind in ("stdlib", "purelib", "platlib")}
    for line in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(line.filename)
        if any(path.is_relative_to(folder) for folder in ours):
            return None
        if path.suffix == ".py" and not any(path.is_relative_to(folder) for folder in libraries):
            return line
    return None


def one_line(subject: BaseException | Path) -> str:
    """Return an error's message or a path as one line; the type of an error without a message."""
    return " ".join(str(subject).split()) or type(subject).__name__
