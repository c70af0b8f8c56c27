"""An evaluation of inpainting as a table for a terminal."""

import rich.box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from predictor.analysis.inpaint_evaluation import KINDS, MEASURES, SIDE_PX, InpaintEvaluation
from predictor.analysis.inpaint_summary import mean_over_holes, perceptual_ratio, psnr_gain

_DIGITS = {"perceptual": 4}


def inpaint_table(evaluation: InpaintEvaluation) -> Group:
    """Return one table with a column for each kind of hole, and what was left out.

    It fits into 80 columns. Methods are `Text`: the [brackets] of a string, as of a path, would be
    markup.
    """
    table = Table(box=rich.box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("holes", overflow="fold")
    for meaning in KINDS.values():
        table.add_column(meaning, justify="right", no_wrap=True)
    for measure in evaluation.measures:
        table.add_row(MEASURES[measure], style="bold")
        for method in evaluation.methods:
            means = [mean_over_holes(evaluation, method, measure, kind) for kind in KINDS]
            digits = _DIGITS.get(measure, 2)
            table.add_row(Text(f"  {method}"), *(f"{mean.value:.{digits}f}" for mean in means))
    comparisons = {"gain in PSNR, dB [95 %]": psnr_gain}
    if "perceptual" in evaluation.measures:
        comparisons["ratio of ST-LPIPS [95 %]"] = perceptual_ratio
    own = [method for method in evaluation.methods if method not in evaluation.baselines]
    for meaning, compared in comparisons.items():
        table.add_row(meaning, style="bold")
        for method in own:
            found = [str(compared(evaluation, method, kind)) for kind in KINDS]
            table.add_row(Text(f"  {method}"), *found)
    photographs = len({hole.photo for hole in evaluation.holes})
    notes = [
        f"Means over the middle, {SIDE_PX}x{SIDE_PX} pixels, of each of {photographs} photographs.",
        f"Compared with the best of {', '.join(evaluation.baselines)}.",
    ]
    notes += [f"skipped {name}: {reason}" for name, reason in evaluation.skipped]
    return Group(table, *(Text(note) for note in notes))
