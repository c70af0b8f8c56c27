"""How well predicted frames match the frames that came, against classical extrapolation.

Protocol: per video evenly spaced windows of context and target frames without a cut, RGB; PSNR is
capped at 60 dB; windows where repeating the last frame exceeds 45 dB are listed apart; numbers are
means over windows, then over videos, with a bootstrap 95 % interval over videos.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from predictor.cadence import CONTEXT_FRAMES
from predictor.data import EvaluationWindows, VideoIndex, evaluation_windows, index_videos
from predictor.errors import TensorContractError, UnreadableMedia
from predictor.flow import constant_velocity, dense_flow
from predictor.metrics import moving_by_speed, psnr, sharpness, ssim
from predictor.metrics.ssim import WINDOW as SMALLEST_SIDE_PX
from predictor.progress import Progress
from predictor.tensors import IMAGE_RANGE, PSNR_CAP_DB

REPEAT_LAST = "repeat-last"
CONSTANT_VELOCITY = "DIS constant velocity"

STILL_DB = 45.0
"""A window that repeating the last frame predicts better than this shows nothing that moves."""

MEASURES = {
    "psnr_db": "PSNR, dB",
    "ssim": "SSIM",
    "sharpness_db": "sharpness, dB",
    "moving_psnr_db": "PSNR where it moves, dB",
    "moving_ssim": "SSIM where it moves",
    "moving_sharpness_db": "sharpness where it moves, dB",
}
"""What is measured of every predicted frame; larger is better for each."""

Extrapolation = Callable[[Tensor, int], Tensor]
"""Takes a clip ``(N, T, 3, H, W)`` and a count, returns the frames after it, ``(N, count, …)``."""


def repeated_last(clip: Tensor, count: int) -> Tensor:
    """Return the last frame of `clip` `count` times: what a video that stops would show."""
    return clip[:, -1:].expand(-1, count, -1, -1, -1)


BASELINES: Mapping[str, Extrapolation] = {
    REPEAT_LAST: repeated_last,
    CONSTANT_VELOCITY: constant_velocity,
}


@dataclass(frozen=True)
class WindowScores:
    """What every method reached on one window."""

    number: int
    """Place in `Evaluation.source`."""
    video: str
    start_s: float
    """Presentation time of the window's first frame in seconds."""
    scores: Mapping[str, Mapping[str, tuple[float | None, ...]]]
    """By method and measure: one number for each frame ahead, None where nothing moves."""

    @property
    def is_still(self) -> bool:
        """Whether the window is listed apart because its first target repeats the last frame."""
        psnr_db = self.scores[REPEAT_LAST]["psnr_db"][0]
        return psnr_db is not None and psnr_db > STILL_DB


@dataclass(frozen=True)
class Evaluation:
    """All windows of a data set under all methods, baselines first."""

    source: EvaluationWindows
    """The windows themselves, to look at."""
    methods: tuple[str, ...]
    horizon: int
    windows: tuple[WindowScores, ...]
    skipped: tuple[tuple[str, str], ...]
    """Videos with a window that could not be used, or without one, and the reason."""

    @property
    def moving(self) -> tuple[WindowScores, ...]:
        """The windows that count; the others are still."""
        return tuple(window for window in self.windows if not window.is_still)

    @property
    def still(self) -> tuple[WindowScores, ...]:
        """The windows listed apart."""
        return tuple(window for window in self.windows if window.is_still)


def evaluated(
    data: Path,
    models: Mapping[str, Extrapolation],
    *,
    horizon: int = 8,
    windows_per_video: int = 5,
    progress: Progress | None = None,
) -> Evaluation:
    """Return how the baselines and `models`, by name, predict the videos in the folder `data`.

    Raises `UnusableData` if no video has 12 + `horizon` frames without a cut, 11 pixels or more
    on a side, and `TensorContractError` for a model that predicts pixels that are not finite.
    """
    source, skipped = measurable_windows(
        index_videos(data), windows_per_video, CONTEXT_FRAMES, horizon
    )
    methods = {**BASELINES, **models}
    done: list[WindowScores] = []
    for number, window in enumerate(source.windows):
        video = source.index.videos[window.video]
        try:
            clip = source[number]["clip"][None]
        except UnreadableMedia as error:
            skipped[video.name] = str(error)
            continue
        start_s = float(int(video.timestamps[window.start]) * video.time_base)
        scores = _scores(clip, methods, horizon)
        done.append(WindowScores(number, video.name, start_s, scores))
        if progress is not None:
            progress(number + 1, len(source), video.name)
    return Evaluation(source, tuple(methods), horizon, tuple(done), tuple(sorted(skipped.items())))


def measurable_windows(
    index: VideoIndex, windows_per_video: int, context: int, horizon: int
) -> tuple[EvaluationWindows, dict[str, str]]:
    """Return the windows of the videos of `index`, and by name why others have none.

    A video needs `context` + `horizon` frames without a cut, 11 pixels or more on a side, which
    SSIM looks at together. Raises `UnusableData` if none has them.
    """
    tall = {video.name for video in index.videos if min(video.size) >= SMALLEST_SIDE_PX}
    source = evaluation_windows(index.subset(tall), windows_per_video, context, horizon)
    used = {source.index.videos[window.video].name for window in source.windows}
    skipped = dict(index.skipped)
    for video in index.videos:
        if video.name not in tall:
            skipped[video.name] = f"smaller than {SMALLEST_SIDE_PX} pixels"
        elif video.name not in used:
            skipped[video.name] = f"no {context + horizon} frames without a cut"
    return source, skipped


def predicted_frames(name: str, method: Extrapolation, context: Tensor, horizon: int) -> Tensor:
    """Return the frames that a method called `name` predicts, on the device of `context`.

    Raises `TensorContractError` where they are not finite: NaN would pass for a frame in which
    nothing moves, and count in no mean.
    """
    predicted = method(context, horizon).to(context.device)
    if not predicted.isfinite().all():
        raise TensorContractError(f"{name} predicts pixels that are not finite, expected [-1, 1]")
    return predicted


def _scores(
    frames: Tensor, methods: Mapping[str, Extrapolation], horizon: int
) -> dict[str, dict[str, tuple[float | None, ...]]]:
    context, targets = frames[:, :CONTEXT_FRAMES], frames[:, CONTEXT_FRAMES:]
    before = frames[:, CONTEXT_FRAMES - 1 : -1]
    moving = [
        moving_by_speed(dense_flow(targets[:, step], before[:, step])) for step in range(horizon)
    ]
    scores: dict[str, dict[str, tuple[float | None, ...]]] = {}
    for name, extrapolation in methods.items():
        predicted = predicted_frames(name, extrapolation, context, horizon)
        steps = [
            _frame_scores(predicted[:, step], targets[:, step], moving[step])
            for step in range(horizon)
        ]
        scores[name] = {measure: tuple(step[measure] for step in steps) for measure in MEASURES}
    return scores


def _frame_scores(predicted: Tensor, target: Tensor, moving: Tensor) -> dict[str, float | None]:
    """Return every measure of one frame ``(1, 3, H, W)``; None where no pixel moves."""
    found: dict[str, float | None] = {}
    for prefix, where in (("", None), ("moving_", moving)):
        found[f"{prefix}psnr_db"] = _number(
            psnr(predicted, target, IMAGE_RANGE, where, cap_db=PSNR_CAP_DB)
        )
        found[f"{prefix}ssim"] = _number(ssim(predicted, target, IMAGE_RANGE, where))
        found[f"{prefix}sharpness_db"] = _number(
            sharpness(predicted, target, IMAGE_RANGE, where=where, cap_db=PSNR_CAP_DB)
        )
    return found


def _number(value: Tensor) -> float | None:
    number = float(value)
    return None if number != number else number
