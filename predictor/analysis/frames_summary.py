"""The numbers of an evaluation: means with intervals, gains over the baselines, shares."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.analysis.frames_evaluation import (
    BASELINES,
    MEASURES,
    REPEAT_LAST,
    Evaluation,
    WindowScores,
)
from predictor.analysis.intervals import Mean, bootstrapped, number_json

LOSS_DB = 0.1
"""A window counts as worse than repeating the last frame from this much PSNR on."""


@dataclass(frozen=True)
class VideoGain:
    """How much better than the better baseline a method predicts one video, in dB."""

    video: str
    gain_db: float
    windows: tuple[WindowScores, ...]


def mean_over_videos(evaluation: Evaluation, method: str, measure: str, step: int) -> Mean:
    """Return the mean of `measure` of frame `step` (from 1) over windows, then over videos.

    Still windows are left out, and so are windows without a value (nothing moves).
    """
    table = _per_video(evaluation.moving, [method], measure, step)
    return bootstrapped(table, lambda means: means[..., 0])


def gain_over_baselines(
    evaluation: Evaluation, method: str, step: int, measure: str = "psnr_db"
) -> Mean:
    """Return the mean of `method` less the largest of the baselines' means, videos paired."""
    table = _per_video(evaluation.moving, [method, *BASELINES], measure, step)
    return bootstrapped(table, lambda means: means[..., 0] - means[..., 1:].max(axis=-1))


def share_worse(evaluation: Evaluation, method: str, step: int) -> float:
    """Return the share of windows where repeating the last frame is better by over 0.1 dB."""
    losses = [
        _value(window, REPEAT_LAST, "psnr_db", step) - _value(window, method, "psnr_db", step)
        for window in evaluation.moving
    ]
    return float(np.mean(np.asarray(losses) > LOSS_DB)) if losses else float("nan")


def video_gains(evaluation: Evaluation, method: str, step: int) -> list[VideoGain]:
    """Return every video's PSNR gain over its better baseline, the largest first."""
    gains = []
    for name, windows in _by_video(evaluation.moving).items():
        table = [
            [_value(window, which, "psnr_db", step) for which in (method, *BASELINES)]
            for window in windows
        ]
        means = np.mean(table, axis=0)
        gains.append(VideoGain(name, float(means[0] - means[1:].max()), tuple(windows)))
    return sorted(gains, key=lambda gain: -gain.gain_db)


def evaluation_json(evaluation: Evaluation) -> dict[str, Any]:
    """Return all of `evaluation` as `json.dump` takes it; NaN becomes None."""
    steps = range(1, evaluation.horizon + 1)
    return {
        "data": str(evaluation.source.index.root),
        "horizon": evaluation.horizon,
        "videos": len(_by_video(evaluation.windows)),
        "windows": len(evaluation.moving),
        "still_windows": len(evaluation.still),
        "skipped": [{"video": name, "reason": reason} for name, reason in evaluation.skipped],
        "means": {
            method: {
                measure: [
                    mean_over_videos(evaluation, method, measure, step).as_json() for step in steps
                ]
                for measure in MEASURES
            }
            for method in evaluation.methods
        },
        "gain_psnr_db": {
            method: [gain_over_baselines(evaluation, method, step).as_json() for step in steps]
            for method in evaluation.methods
            if method not in BASELINES
        },
        "share_worse_than_repeat_last": {
            method: [number_json(share_worse(evaluation, method, step)) for step in steps]
            for method in evaluation.methods
            if method != REPEAT_LAST
        },
        "per_window": [
            {
                "video": scored.video,
                "start_s": scored.start_s,
                "is_still": scored.is_still,
                "scores": {method: dict(by) for method, by in scored.scores.items()},
            }
            for scored in evaluation.windows
        ],
    }


def _value(scored: WindowScores, method: str, measure: str, step: int) -> float:
    value = scored.scores[method][measure][step - 1]
    return float("nan") if value is None else value


def _by_video(windows: Sequence[WindowScores]) -> dict[str, list[WindowScores]]:
    grouped: dict[str, list[WindowScores]] = {}
    for scored in windows:
        grouped.setdefault(scored.video, []).append(scored)
    return grouped


def _per_video(
    windows: Sequence[WindowScores], methods: Sequence[str], measure: str, step: int
) -> NDArray[np.float64]:
    """Return the means ``(videos, methods)``; videos without a value are left out."""
    rows = []
    for of_video in _by_video(windows).values():
        values = np.array(
            [[_value(scored, method, measure, step) for method in methods] for scored in of_video]
        )
        values = values[~np.isnan(values).any(axis=1)]
        if len(values):
            rows.append(values.mean(axis=0))
    return np.array(rows).reshape(len(rows), len(methods))
