"""Tables as the text of CSV files."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    r"""Return a line of the names of `columns` and one of each of `rows`, ended by ``\n``.

    Cells are quoted where that is needed to read them again.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    # A carriage return ends a row for readers; Python before 3.13 leaves it unquoted.
    careful = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in (columns, *rows):
        (careful if any("\r" in str(cell) for cell in row) else writer).writerow(row)
    return text.getvalue()
