"""A probe as a table for a terminal."""

from rich.console import Group
from rich.table import Table
from rich.text import Text

from predictor.analysis.probe import ProbeScore
from predictor.analysis.probe_run import PAPER_DRAWS, PAPER_TRIALS, ProbeResult


def probe_table(found: ProbeResult) -> Group:
    """Return one row a method, in the order measured, and the notes."""
    request = found.request
    table = Table(
        title=f"{request.labels:,} labels of {found.classes} classes, accuracy on {found.test:,} "
        "pictures",
        title_justify="left",
    )
    for heading in ("", "accuracy, %", "± 1.96 dev.", "draws", "chosen on validation"):
        table.add_column(
            heading, justify="left" if heading in ("", "chosen on validation") else "right"
        )
    for score in found.scores:
        spread = "" if score.spread is None else f"{100 * score.spread:.2f}"
        table.add_row(score.method, f"{100 * score.mean:.2f}", spread, _draws(score), score.chosen)
    lines = [
        f"chosen on {found.validation:,} of {found.train:,} training pictures; seed {request.seed}",
        *found.notes,
    ]
    if request.has_baselines and request.trials < PAPER_TRIALS:
        lines.append(
            f"supervised: the best of {request.trials} of {PAPER_TRIALS} random settings, on 1 draw"
        )
    return Group(table, *map(Text, lines))


def _draws(score: ProbeScore) -> str:
    count = len(score.accuracies)
    return f"{count}" if count == PAPER_DRAWS else f"{count} of {PAPER_DRAWS}"
