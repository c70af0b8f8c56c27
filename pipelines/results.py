"""What a run says about each input, for people, for programs and for the shell."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import isnan
from pathlib import Path
from typing import Any, Literal

from predictor.errors import PredictorError

Mode = Literal["append", "only", "next", "side-by-side"]

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_PARTLY_FAILED = 3
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


@dataclass(frozen=True)
class Comparison:
    """How predicted frames compare with the frames that came."""

    frames: int
    psnr_db: float
    """Mean over the frames, each capped at 60 dB."""
    ssim: float
    """NaN for frames smaller than its window."""


@dataclass(frozen=True)
class FramesResult:
    """One input of `predictor frames`, done or planned."""

    input: Path
    output: Path
    mode: Mode
    model: str
    size: tuple[int, int]
    """(height, width) of the output's frames."""
    predicted_times: tuple[Fraction, ...] = ()
    """Time of each predicted frame on the output's timeline, in seconds; empty for a plan and for
    ``next``, whose CSV has them."""
    predicted_count: int = 0
    first_index: int = 0
    """Number of the first predicted frame on the output's timeline."""
    context_frames: int = 0
    """Frames that the first prediction was made from."""
    packets_copied: bool = False
    how: str = ""
    """Whether the source's packets were copied or encoded again, and why."""
    truncated: str | None = None
    """What was wrong with an input that was used in part."""
    warnings: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    """What the source has and the output has not."""
    frames_dir: Path | None = None
    gif: Path | None = None
    table: Path | None = None
    plot: Path | None = None
    comparison: Comparison | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    """Time spent, by what it was spent on: decode, predict, encode, total."""

    @property
    def files(self) -> list[Path]:
        """Every path written, the video first."""
        others = (self.frames_dir, self.gif, self.table, self.plot)
        return [self.output, *(path for path in others if path is not None)]

    def as_json(self) -> dict[str, Any]:
        """Return what `json.dump` takes; times are seconds."""
        return {
            "output": str(self.output),
            "mode": self.mode,
            "model": self.model,
            "height": self.size[0],
            "width": self.size[1],
            "predicted_count": self.predicted_count,
            "predicted_times_s": [float(time) for time in self.predicted_times],
            "first_index": self.first_index,
            "context_frames": self.context_frames,
            "packets_copied": self.packets_copied,
            "how": self.how,
            "truncated": self.truncated is not None,
            "warnings": list(self.warnings),
            "dropped": list(self.dropped),
            "frames_dir": _text(self.frames_dir),
            "gif": _text(self.gif),
            "table": _text(self.table),
            "plot": _text(self.plot),
            "comparison": None
            if self.comparison is None
            else {
                "frames": self.comparison.frames,
                "psnr_db": self.comparison.psnr_db,
                "ssim": None if isnan(self.comparison.ssim) else self.comparison.ssim,
            },
            "seconds": {name: round(spent, 3) for name, spent in self.seconds.items()},
        }


@dataclass(frozen=True)
class Outcome:
    """One input with its result, or with the error that it ended in."""

    input: Path
    result: FramesResult | None = None
    error: PredictorError | None = None
    is_planned: bool = False

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
        if self.result is not None:
            entry |= self.result.as_json()
        return entry


def exit_code(outcomes: Sequence[Outcome], is_batch: bool) -> int:
    """Return 0 if nothing failed, 1 for one failed input, 3 for a batch with failures."""
    if all(outcome.error is None for outcome in outcomes):
        return EXIT_DONE
    return EXIT_PARTLY_FAILED if is_batch else EXIT_FAILED


def document(outcomes: Sequence[Outcome], code: int, error: str | None = None) -> dict[str, Any]:
    """Return the one document that ``--json`` prints; `error` is one that belongs to no input."""
    whole: dict[str, Any] = {
        "results": [outcome.as_json() for outcome in outcomes],
        "exit_code": code,
    }
    if error is not None:
        whole["error"] = error
    return whole


def counted(number: int, what: str) -> str:
    """Return ``1 frame`` or ``2 frames``."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def one_line(subject: BaseException | Path) -> str:
    """Return an error's message or a path as one line; the type of an error without a message."""
    return " ".join(str(subject).split()) or type(subject).__name__


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
