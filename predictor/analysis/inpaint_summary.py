"""The numbers of an evaluation of inpainting: means with intervals, and gains."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.analysis.inpaint_evaluation import KINDS, HoleScores, InpaintEvaluation
from predictor.analysis.intervals import Mean, bootstrapped, number_json


def mean_over_holes(evaluation: InpaintEvaluation, method: str, measure: str, kind: str) -> Mean:
    """Return the mean of `measure` over the holes of `kind`."""
    table = _table(evaluation, [method], measure, kind)
    return bootstrapped(table, lambda means: means[..., 0])


def psnr_gain(evaluation: InpaintEvaluation, method: str, kind: str) -> Mean:
    """Return the mean PSNR of `method` less the largest of the baselines' means, in dB."""
    table = _table(evaluation, [method, *evaluation.baselines], "psnr_db", kind)
    return bootstrapped(table, lambda means: means[..., 0] - means[..., 1:].max(axis=-1))


def perceptual_ratio(evaluation: InpaintEvaluation, method: str, kind: str) -> Mean:
    """Return the mean distance of `method` over the smallest of the baselines' means."""
    table = _table(evaluation, [method, *evaluation.baselines], "perceptual", kind)
    return bootstrapped(table, lambda means: means[..., 0] / means[..., 1:].min(axis=-1))


def by_gain(evaluation: InpaintEvaluation, method: str, kind: str) -> list[HoleScores]:
    """Return the holes of `kind` by the PSNR of `method` less the best baseline's, worst first."""

    def gain(hole: HoleScores) -> float:
        scores = {name: by["psnr_db"] for name, by in hole.scores.items()}
        return scores[method] - max(scores[name] for name in evaluation.baselines)

    return sorted((hole for hole in evaluation.holes if hole.kind == kind), key=gain)


def inpaint_json(evaluation: InpaintEvaluation) -> dict[str, Any]:
    """Return all of `evaluation` as `json.dump` takes it; ``scores`` are those of a card."""
    own = [name for name in evaluation.methods if name not in evaluation.baselines]
    scores: dict[str, float | None] = {}
    for kind in KINDS if own else ():
        for measure in evaluation.measures:
            mean = mean_over_holes(evaluation, own[0], measure, kind).value
            scores[f"{kind}_{measure}"] = number_json(mean)
        scores[f"{kind}_gain_db"] = number_json(psnr_gain(evaluation, own[0], kind).value)
        if "perceptual" in evaluation.measures:
            ratio = perceptual_ratio(evaluation, own[0], kind).value
            scores[f"{kind}_perceptual_ratio"] = number_json(ratio)
    return {
        "data": str(evaluation.root),
        "photographs": len({hole.photo for hole in evaluation.holes}),
        "skipped": [{"photograph": name, "reason": why} for name, why in evaluation.skipped],
        "scores": scores,
        "means": {
            kind: {
                method: {
                    measure: mean_over_holes(evaluation, method, measure, kind).as_json()
                    for measure in evaluation.measures
                }
                for method in evaluation.methods
            }
            for kind in KINDS
        },
        "gain_psnr_db": {
            kind: {name: psnr_gain(evaluation, name, kind).as_json() for name in own}
            for kind in KINDS
        },
        "per_hole": [
            {"photograph": hole.photo, "kind": hole.kind, "scores": dict(hole.scores)}
            for hole in evaluation.holes
        ],
    }


def _table(
    evaluation: InpaintEvaluation, methods: Sequence[str], measure: str, kind: str
) -> NDArray[np.float64]:
    rows = [
        [hole.scores[method][measure] for method in methods]
        for hole in evaluation.holes
        if hole.kind == kind
    ]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(methods))
