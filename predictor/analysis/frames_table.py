"""An evaluation as a table for a terminal."""

import rich.box
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
from predictor.wording import counted

_DIGITS = {"ssim": 3, "moving_ssim": 3}


def evaluation_tables(evaluation: Evaluation) -> Group:
    """Return one table with columns for the `shown_steps`, and below it what was left out.

    It fits into 80 columns. Methods are `Text`: the [brackets] of a string, as of a path, would be
    markup.
    """
    steps = shown_steps(evaluation.horizon)
    table = Table(box=rich.box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("frames ahead", overflow="fold")
    for step in steps:
        table.add_column(str(step), justify="right", no_wrap=True)
    for measure, meaning in MEASURES.items():
        table.add_row(meaning, style="bold")
        for method in evaluation.methods:
            means = [mean_over_videos(evaluation, method, measure, step) for step in steps]
            digits = _DIGITS.get(measure, 2)
            table.add_row(Text(f"  {method}"), *(f"{mean.value:.{digits}f}" for mean in means))
    table.add_row("gain in PSNR, dB [95 %]", style="bold")
    for method in (name for name in evaluation.methods if name not in BASELINES):
        gains = [gain_over_baselines(evaluation, method, step) for step in steps]
        table.add_row(Text(f"  {method}"), *map(_interval, gains))
    table.add_row(f"worse than {REPEAT_LAST}", style="bold")
    for method in (name for name in evaluation.methods if name != REPEAT_LAST):
        shares = [share_worse(evaluation, method, step) for step in steps]
        table.add_row(Text(f"  {method}"), *(f"{share:.1%}" for share in shares))
    videos = len({scored.video for scored in evaluation.moving})
    notes = [
        f"Means over {counted(len(evaluation.moving), 'window')}, then over "
        f"{counted(videos, 'video')}.",
        f"The gain is over the better baseline; worse are windows by over {LOSS_DB} dB of PSNR.",
    ]
    if not evaluation.moving:
        table = Table(box=None, show_header=False)
        notes = ["Nothing moves in any window, so that there is nothing to compare."]
    if evaluation.still:
        notes.append(f"Left out: {counted(len(evaluation.still), 'still window')}.")
    notes += [f"skipped {name}: {reason}" for name, reason in evaluation.skipped]
    return Group(table, *(Text(note) for note in notes))


def shown_steps(horizon: int) -> list[int]:
    """Return the frames ahead that a table has room for: the first, the middle and the last."""
    return sorted({1, (horizon + 1) // 2, horizon})


def _interval(mean: Mean) -> str:
    return f"{mean.value:+.2f}\n{mean.low:+.2f} {mean.high:+.2f}"
