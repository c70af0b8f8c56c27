"""Measured numbers, each with its target, and the table that shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One measured number; one without a target is shown for comparison."""

    what: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None
    note: str = ""

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met, None where there is none. NaN meets no target."""
        if self.at_most is not None:
            return self.value <= self.at_most
        if self.at_least is not None:
            return self.value >= self.at_least
        return None

    @property
    def target(self) -> str:
        """The target in words."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g}"
        return "" if self.at_least is None else f"≥ {self.at_least:g}"

    def as_json(self) -> dict[str, Any]:
        """Return what `json.dump` takes; a number that was not measured becomes None."""
        value = None if self.value != self.value else round(self.value, 4)
        return asdict(self) | {"value": value, "is_met": self.is_met}


def benchmark_table(title: str, rows: Sequence[Row]) -> Table:
    """Return `rows` as a table for a terminal."""
    table = Table(title=title, title_justify="left")
    for heading in ("what", "measured", "target", "", "note"):
        table.add_column(heading, justify="right" if heading in ("measured", "target") else "left")
    words: Mapping[bool | None, str] = {True: "met", False: "[red]missed[/red]", None: ""}
    for row in rows:
        value = (
            f"{row.value:.3g} {row.unit}"
            if abs(row.value) < 100
            else f"{row.value:,.0f} {row.unit}"
        )
        table.add_row(row.what, value.strip(), row.target, words[row.is_met], row.note)
    return table
