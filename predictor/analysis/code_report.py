"""The evaluation of a model's codes as rows of a table and as sections of a page."""

import math
from html import escape

from predictor.analysis.code_evaluation import CodeClasses, CodeScores, most_nats
from predictor.analysis.code_sweeps import usual_sweeps
from predictor.analysis.page import exact_picture, table_row
from predictor.analysis.sheets import stacked, titled_sheet
from predictor.image_sampler import ImageSampler
from predictor.structured_latents import StructuredLatents

_ERROR = "error of c1 as a classifier"

_ROWS = 5
"""Pictures in each of which a code is varied."""


def code_rows(scores: CodeScores) -> list[tuple[str, str]]:
    """Return what was measured in words and numbers, a line each."""
    rows = []
    for name, nats in scores.information_nats.items():
        most = most_nats(scores.structure, name)
        beside = "" if math.isinf(most) else f" of {most:.3f}"
        rows.append((f"information of {name}", f"{nats:.3f}{beside} nats"))
    if scores.classes is not None:
        rows.append((_ERROR, f"{scores.classes.error_percent:.2f} %"))
    return rows


def left_out_without_reader(structure: StructuredLatents) -> dict[str, str]:
    """Return what cannot be measured of a generator alone, and why."""
    measures = [f"information of {', '.join(structure.names)}"]
    if structure.categorical:
        measures.append(_ERROR)
    return dict.fromkeys(measures, "no discriminator beside the generator reads its codes")


def code_sections(classes: CodeClasses | None, sampler: ImageSampler, seed: int) -> list[str]:
    """Return, as HTML, which classes the categories are, and a sheet of every code varied."""
    sections = ["<h2>Codes</h2>"]
    if classes is not None:
        sections += ["<p>Pictures of each category of c1, by their class.</p>", _table(classes)]
    latents = sampler.latents(seed, range(_ROWS))
    blocks = []
    for sweep in usual_sweeps(sampler):
        images = sampler.images(sweep.applied(latents, sweep.values).flatten(0, 1))
        captions = [f"{value:.2g}" for value in sweep.values.tolist()]
        blocks.append(titled_sheet(images, len(captions), sweep.title, captions))
    shown = exact_picture(stacked(blocks))
    return [*sections, "<p>In each block one code is varied, the rest kept.</p>", shown]


def _table(classes: CodeClasses) -> str:
    rows = [table_row(["category", "assigned", *map(escape, classes.class_names)], "th")]
    for category, (label, counts) in enumerate(
        zip(classes.assigned, classes.counts.tolist(), strict=True)
    ):
        name = escape(classes.class_names[label]) if label >= 0 else "none"
        rows.append(table_row([str(category), name, *(f"{count:,}" for count in counts)], "td"))
    return f"<table>{''.join(rows)}</table>"
