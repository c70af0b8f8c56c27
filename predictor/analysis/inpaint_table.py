"""An evaluation of inpainting as a table for a terminal."""

from rich.console import Group
from rich.table import Table
from rich.text import Text

from predictor.analysis.inpaint_evaluation import KINDS, MEASURES, SIDE_PX, InpaintEvaluation
from predictor.analysis.inpaint_summary import mean_over_holes, perceptual_ratio, psnr_gain

_DIGITS = {"perceptual": 4}


def inpaint_table(evaluation: InpaintEvaluation) -> Group:
    """Return one table with a row for each method and kind of hole, and what was left out.

    Methods are `Text`: the [brackets] of a string, as of a path, would be markup.
    """
    title = f"Mean over photographs at {SIDE_PX}x{SIDE_PX}"
    table = Table(title=title, title_justify="left")
    table.add_column("holes")
    for measure in evaluation.measures:
        table.add_column(MEASURES[measure], justify="right")
    table.add_column("PSNR gain, dB [95 %]", justify="right")
    has_distance = "perceptual" in evaluation.measures
    if has_distance:
        table.add_column("ST-LPIPS over the best baseline's", justify="right")
    for kind, meaning in KINDS.items():
        table.add_row(meaning, style="bold")
        for method in evaluation.methods:
            cells = [
                f"{mean_over_holes(evaluation, method, name, kind).value:.{_DIGITS.get(name, 2)}f}"
                for name in evaluation.measures
            ]
            if method not in evaluation.baselines:
                cells.append(str(psnr_gain(evaluation, method, kind)))
                if has_distance:
                    cells.append(str(perceptual_ratio(evaluation, method, kind)))
            table.add_row(Text(f"  {method}"), *cells)
        table.add_section()
    notes = [f"{len({hole.photo for hole in evaluation.holes})} photographs"]
    notes += [f"skipped {name}: {reason}" for name, reason in evaluation.skipped]
    return Group(table, *(Text(note) for note in notes))
