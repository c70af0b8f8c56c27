"""An evaluation as a table for a terminal."""

from rich.console import Group
from rich.table import Table
from rich.text import Text

from predictor.analysis.frames_evaluation import BASELINES, MEASURES, REPEAT_LAST, Evaluation
from predictor.analysis.frames_summary import (
    LOSS_DB,
    gain_over_baselines,
    mean_over_videos,
    share_worse,
)
from predictor.analysis.intervals import Mean

_DIGITS = {"ssim": 3, "moving_ssim": 3}


def evaluation_tables(evaluation: Evaluation) -> Group:
    """Return one table with a column for each frame ahead, and below it what was left out.

    Methods are `Text`: the [brackets] of a string, as of a path, would be markup.
    """
    steps = range(1, evaluation.horizon + 1)
    table = Table(title="Mean over windows, then over videos", title_justify="left")
    table.add_column("frames ahead")
    for step in steps:
        table.add_column(str(step), justify="right")
    for measure, meaning in MEASURES.items():
        table.add_row(meaning, style="bold")
        for method in evaluation.methods:
            means = [mean_over_videos(evaluation, method, measure, step) for step in steps]
            digits = _DIGITS.get(measure, 2)
            table.add_row(Text(f"  {method}"), *(f"{mean.value:.{digits}f}" for mean in means))
        table.add_section()
    table.add_row("gain over the better baseline, PSNR, dB [95 %]", style="bold")
    for method in (name for name in evaluation.methods if name not in BASELINES):
        gains = [gain_over_baselines(evaluation, method, step) for step in steps]
        table.add_row(Text(f"  {method}"), *map(_interval, gains))
    table.add_section()
    table.add_row(f"windows worse than {REPEAT_LAST} by over {LOSS_DB} dB", style="bold")
    for method in (name for name in evaluation.methods if name != REPEAT_LAST):
        shares = [share_worse(evaluation, method, step) for step in steps]
        table.add_row(Text(f"  {method}"), *(f"{share:.1%}" for share in shares))
    videos = len({scored.video for scored in evaluation.moving})
    notes = [f"{len(evaluation.moving)} windows of {videos} videos"]
    if evaluation.still:
        notes.append(f"{len(evaluation.still)} still windows apart")
    notes += [f"skipped {name}: {reason}" for name, reason in evaluation.skipped]
    return Group(table, *(Text(note) for note in notes))


def _interval(mean: Mean) -> str:
    return f"{mean.value:+.2f}\n{mean.low:+.2f} {mean.high:+.2f}"
