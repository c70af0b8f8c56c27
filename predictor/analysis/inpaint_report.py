"""An evaluation of inpainting as one HTML file: numbers, best and worst photographs."""

from collections.abc import Mapping, Sequence
from html import escape

from predictor import __version__
from predictor.analysis.inpaint_evaluation import (
    KINDS,
    MEASURES,
    SIDE_PX,
    Fill,
    HoleScores,
    InpaintEvaluation,
    baseline_fills,
)
from predictor.analysis.inpaint_summary import by_gain, mean_over_holes, psnr_gain
from predictor.analysis.page import figure, mean_cell, page, table_row

SHOWN = 6
"""How many of the best, the middle and the worst photographs are shown."""


def inpaint_report(evaluation: InpaintEvaluation, models: Mapping[str, Fill]) -> str:
    """Return `evaluation` as a page; `models` fill the photographs that are shown once more."""
    own = next(iter(models))
    title = f"{' and '.join(models)}: filled holes"
    photos = len({hole.photo for hole in evaluation.holes})
    sections = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="note">{escape(evaluation.root.name)}: the middle of {photos} photographs at '
        f"{SIDE_PX}x{SIDE_PX}, one hole of each kind, mean over photographs with the bootstrap "
        f"95 % interval. predictor {__version__}.</p>",
    ]
    for kind, meaning in KINDS.items():
        ranked = by_gain(evaluation, own, kind)
        sections += [f"<h2>{escape(meaning)}</h2>", _table(evaluation, models, kind)]
        for what, holes in _shown(ranked).items():
            sections.append(f"<h3>{what}</h3>")
            sections += [_photo_section(evaluation, models, hole) for hole in holes]
    sections += [
        f"<p>Skipped: {escape(name)}: {escape(why)}</p>" for name, why in evaluation.skipped
    ]
    return page(title, sections)


def _table(evaluation: InpaintEvaluation, models: Mapping[str, Fill], kind: str) -> str:
    headings = ("", *(MEASURES[name] for name in evaluation.measures), "PSNR gain, dB")
    rows = [table_row(headings, "th")]
    for method in evaluation.methods:
        cells = [
            mean_cell(
                mean_over_holes(evaluation, method, name, kind),
                digits=4 if name == "perceptual" else 2,
            )
            for name in evaluation.measures
        ]
        is_own = method in models
        cells.append(mean_cell(psnr_gain(evaluation, method, kind), "+") if is_own else "")
        rows.append(table_row((escape(method), *cells), "td", ' class="own"' if is_own else ""))
    return f"<table>{''.join(rows)}</table>"


def _shown(ranked: Sequence[HoleScores]) -> dict[str, Sequence[HoleScores]]:
    """Return the best, those in the middle and the worst, none of them twice."""
    count = min(SHOWN, len(ranked) // 3) or len(ranked)
    if count == len(ranked):
        return {"All": list(reversed(ranked))}
    middle = (len(ranked) - count) // 2
    return {
        "Best": list(reversed(ranked[-count:])),
        "Middle": ranked[middle : middle + count],
        "Worst": ranked[:count],
    }


def _photo_section(
    evaluation: InpaintEvaluation, models: Mapping[str, Fill], hole: HoleScores
) -> str:
    item = evaluation.source[hole.number]
    image, mask = item["image"][None], item["mask"][None]
    figures = [figure(image.where(mask == 0, 1.0)[0], "given")]
    best = max(evaluation.baselines, key=lambda name: hole.scores[name]["psnr_db"])
    for name, fill in {best: baseline_fills()[best], **models}.items():
        caption = f"{name}, {hole.scores[name]['psnr_db']:.2f} dB"
        figures.append(figure(fill(image, mask)[0].clamp(-1, 1), caption))
    figures.append(figure(image[0], "truth"))
    return f'<p class="note">{escape(hole.photo)}</p><div class="pictures">{"".join(figures)}</div>'
