"""Published and measured numbers of a protocol in one table for a terminal."""

from collections.abc import Mapping, Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from predictor.analysis.mathieu_protocol import HORIZON, MEASURES, READINGS, Measured

_DIGITS = {"ssim": 3}

Rows = Sequence[tuple[str, Mapping[str, Sequence[float | None]]]]
"""Method and, by measure, one number for each frame ahead."""


def reproduction_tables(
    title: str, where_published: str, published: Rows, found: Measured
) -> Group:
    """Return the published rows, below them those measured by each reading, and the notes."""
    table = Table(title=Text(title), title_justify="left")
    table.add_column("")
    for step in range(1, HORIZON + 1):
        for heading in MEASURES.values():
            table.add_column(f"{heading}\nframe {step}", justify="right")
    if published:
        _add(table, f"published: {where_published}", published)
    for reading, meaning in READINGS.items():
        rows = [(row.method, row.scores) for row in found.by_reading[reading]]
        _add(table, f"measured, {meaning}", rows)
    notes = [*found.notes, *(f"skipped {name}: {reason}" for name, reason in found.skipped)]
    return Group(table, *map(Text, notes))


def _add(table: Table, heading: str, rows: Rows) -> None:
    table.add_row(Text(heading), style="bold")  # a string's [brackets] would be markup
    for method, scores in rows:
        cells = [
            _cell(scores[measure][step], _DIGITS.get(measure, 2))
            for step in range(HORIZON)
            for measure in MEASURES
        ]
        table.add_row(Text(f"  {method}"), *cells)
    table.add_section()


def _cell(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
