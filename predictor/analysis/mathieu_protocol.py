"""The test of Mathieu et al. 2016 on any videos: two frames from four, scored where it moves.

Both readings are measured, since the paper and its official script differ. ``"code"``: what the
script computes (`official_scores`), on the pixels whose colour in a picture of the flow is dark.
``"paper"``: PSNR, SSIM and sharpness as the paper prints them, of the pixels that move by more than
0.2 px alone. The flows of the authors' data are not to be had; these are estimated here, from the
frame before the one predicted to that one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from predictor.analysis.frames_evaluation import (
    BASELINES,
    Extrapolation,
    measurable_windows,
    predicted_frames,
)
from predictor.data import index_videos
from predictor.errors import UnreadableMedia
from predictor.flow import dense_flow
from predictor.metrics import (
    moving_by_flow_color,
    moving_by_speed,
    official_scores,
    psnr,
    sharpness,
    ssim,
)
from predictor.progress import Progress
from predictor.tensors import IMAGE_RANGE, PSNR_CAP_DB

CONTEXT_FRAMES = 4
HORIZON = 2
MEASURES = {"psnr_db": "PSNR, dB", "ssim": "SSIM", "sharpness_db": "sharpness, dB"}
READINGS = {
    "code": "official script: all pixels, the resting ones made black; peak 255/128",
    "paper": "paper: moving pixels only; peak 2",
}


@dataclass(frozen=True)
class MethodScores:
    """Means of one method over the windows that count, one number for each frame ahead."""

    method: str
    scores: Mapping[str, tuple[float | None, ...]]
    """By measure; None where no window counts."""
    counted: tuple[int, ...]
    """Windows that the means are over."""

    def as_json(self) -> dict[str, Any]:
        """Return what `json.dump` takes."""
        return {"method": self.method, **self.scores, "windows_counted": self.counted}


@dataclass(frozen=True)
class Measured:
    """What the protocol found, by reading, the baselines first."""

    by_reading: Mapping[str, tuple[MethodScores, ...]]
    windows: int
    videos: int
    skipped: tuple[tuple[str, str], ...]
    """Videos that could not be used, and the reason."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What must be known beside the numbers."""
        return (
            f"{self.windows} windows of {self.videos} videos, {CONTEXT_FRAMES} frames in, "
            f"{HORIZON} out, the second predicted from the first; repeats are frames as others",
            "the moving pixels come from the flow of this tool, not from the authors' flow images",
            "official script: a window of 50 dB or more counts in no mean of that method",
        )


def measured_as_mathieu(
    data: Path,
    models: Mapping[str, Extrapolation],
    *,
    names: Sequence[str] | None = None,
    windows_per_video: int = 1,
    progress: Progress | None = None,
) -> Measured:
    """Return what repeating, optical flow and `models`, by name, reach on the videos in `data`.

    `names` restricts it to some videos, by their paths in `data`. Windows are evenly spaced, frames
    whole and in their own size. Raises `UnusableData` if no video has six frames without a cut, 11
    pixels or more on a side.
    """
    index = index_videos(data, names=names)
    source, skipped = measurable_windows(index, windows_per_video, CONTEXT_FRAMES, HORIZON)
    methods = {**BASELINES, **models}
    found: dict[tuple[str, str], list[list[dict[str, float] | None]]] = {}
    done: list[str] = []
    for number, window in enumerate(source.windows):
        name = source.index.videos[window.video].name
        try:
            clip = source[number]["clip"][None]
        except UnreadableMedia as error:
            skipped[name] = str(error)
            continue
        for key, scores in _window_scores(clip, methods).items():
            found.setdefault(key, []).append(scores)
        done.append(name)
        if progress is not None:
            progress(number + 1, len(source), name)
    by_reading = {
        reading: tuple(_means(method, found.get((reading, method), [])) for method in methods)
        for reading in READINGS
    }
    return Measured(by_reading, len(done), len(set(done)), tuple(sorted(skipped.items())))


def _window_scores(
    clip: Tensor, methods: Mapping[str, Extrapolation]
) -> dict[tuple[str, str], list[dict[str, float] | None]]:
    """Return by reading and method the scores of each frame ahead; None for one not counted."""
    context, targets = clip[:, :CONTEXT_FRAMES], clip[:, CONTEXT_FRAMES:]
    before = clip[:, CONTEXT_FRAMES - 1 : -1]
    flows = [dense_flow(before[:, step], targets[:, step]) for step in range(HORIZON)]
    scores: dict[tuple[str, str], list[dict[str, float] | None]] = {}
    for method, extrapolation in methods.items():
        predicted = predicted_frames(method, extrapolation, context, HORIZON)
        for step, flow in enumerate(flows):
            pair = predicted[:, step], targets[:, step]
            scores.setdefault(("code", method), []).append(_by_code(*pair, flow))
            scores.setdefault(("paper", method), []).append(_by_paper(*pair, flow))
    return scores


def _by_code(prediction: Tensor, target: Tensor, flow: Tensor) -> dict[str, float] | None:
    found = official_scores(prediction, target, IMAGE_RANGE, moving_by_flow_color(flow))
    return found.means() if found.is_counted.item() else None


def _by_paper(prediction: Tensor, target: Tensor, flow: Tensor) -> dict[str, float] | None:
    moving = moving_by_speed(flow)
    scores = {
        "psnr_db": psnr(prediction, target, IMAGE_RANGE, moving, cap_db=PSNR_CAP_DB),
        "ssim": ssim(prediction, target, IMAGE_RANGE, moving),
        "sharpness_db": sharpness(
            prediction, target, IMAGE_RANGE, "paper", moving, cap_db=PSNR_CAP_DB
        ),
    }
    if any(torch.isnan(value).item() for value in scores.values()):
        return None  # nothing moves, or only at the border
    return {name: value.item() for name, value in scores.items()}


def _means(method: str, windows: list[list[dict[str, float] | None]]) -> MethodScores:
    steps = [
        [scores for window in windows if (scores := window[step]) is not None]
        for step in range(HORIZON)
    ]
    return MethodScores(
        method,
        {
            measure: tuple(
                sum(scores[measure] for scores in step) / len(step) if step else None
                for step in steps
            )
            for measure in MEASURES
        },
        tuple(map(len, steps)),
    )
