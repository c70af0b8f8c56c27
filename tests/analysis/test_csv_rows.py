"""Every name of a file comes back from a table."""

import csv
import io

import pytest

from predictor.analysis.csv_rows import csv_text


@pytest.mark.parametrize("name", ["a.png", "a,b.png", 'say "a".png', "a\nb.png", "a\rb.png", " ü"])
def test_a_name_comes_back(name: str) -> None:
    text = csv_text(["file", "class"], [("first", 0), (name, "x"), ("last", 1)])
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows == [["file", "class"], ["first", "0"], [name, "x"], ["last", "1"]]
    assert text.startswith("file,class\nfirst,0\n")
    assert text.endswith("\nlast,1\n")
