from pathlib import Path
from typing import NamedTuple

import pytest

from predictor.data.index_entries import updated_entries


class File(NamedTuple):
    name: str
    stamp: tuple[int, ...]
    content: str = "known"


STAMPS = {"a": (1,), "b": (2,), "c": (3,)}


def test_an_interrupted_pass_keeps_what_it_read() -> None:
    written: list[dict[str, File]] = []

    def read(name: str) -> File:
        if name == "c":
            raise KeyboardInterrupt
        return File(name, STAMPS[name], "read")

    with pytest.raises(KeyboardInterrupt):
        updated_entries(
            STAMPS,
            {"b": File("b", (2,))},
            read,
            lambda cache, entries: written.append(dict(entries)),
            Path("cache"),
            workers=1,
        )
    assert written == [{"a": File("a", (1,), "read"), "b": File("b", (2,))}]


def test_changed_files_are_read_and_vanished_ones_forgotten() -> None:
    known = {"a": File("a", (1,)), "b": File("b", (9,)), "gone": File("gone", (0,))}
    reports: list[tuple[int, int, str]] = []
    entries = updated_entries(
        STAMPS,
        known,
        lambda name: File(name, STAMPS[name], "read"),
        lambda cache, entries: None,
        Path("cache"),
        workers=1,
        progress=lambda *report: reports.append(report),
    )
    assert {name: entry.content for name, entry in entries.items()} == {
        "a": "known",
        "b": "read",
        "c": "read",
    }
    assert reports == [(2, 3, "b"), (3, 3, "c")]


def test_a_cache_that_is_up_to_date_is_left_alone() -> None:
    def refuse(*_: object) -> File:
        raise AssertionError("nothing changed")

    known = {name: File(name, stamp) for name, stamp in STAMPS.items()}
    assert updated_entries(STAMPS, known, refuse, refuse, Path("cache")) == known
