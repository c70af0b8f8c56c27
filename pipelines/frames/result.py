"""What was done to one input of `predictor frames`."""

from dataclasses import dataclass, field
from fractions import Fraction
from math import isnan
from pathlib import Path
from typing import Any

from pipelines.frames.request import FramesRequest, Mode


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

    request: FramesRequest
    """What was asked for."""
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
    context_end: Fraction | None = None
    """When the last frame of the source that the prediction was made from is shown, in seconds
    after the source's first; None where there is no such frame: a plan, or ``next``."""
    packets_copied: bool = False
    how: str = ""
    """Whether the source's packets were copied or encoded again, and why."""
    truncated: str | None = None
    """What was wrong with an input that was used in part."""
    warnings: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    """What the source has and the output has not."""
    comparison: Comparison | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    """Time spent, by what it was spent on: decode, predict, encode, total."""

    @property
    def input(self) -> Path:
        """The clip."""
        return self.request.input

    @property
    def output(self) -> Path:
        """The video written."""
        return self.request.output

    @property
    def mode(self) -> Mode:
        """What was asked for."""
        return self.request.mode

    @property
    def frames_dir(self) -> Path | None:
        """The folder of numbered PNGs."""
        return self.request.frames_dir

    @property
    def gif(self) -> Path | None:
        """The GIF of the end."""
        return self.request.gif

    @property
    def table(self) -> Path | None:
        """The CSV of a comparison."""
        return self.request.table

    @property
    def plot(self) -> Path | None:
        """The plot of a comparison."""
        return self.request.plot

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
            "context_end_s": None if self.context_end is None else float(self.context_end),
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


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
