"""What a command says of its inputs when it does not come to its end."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.reports import reported
from pipelines.results import EXIT_FAILED, Outcome
from predictor.errors import OutputNotWritten, UnreadableImage


def full_disk() -> Iterator[Outcome]:
    yield Outcome(Path("a.png"), error=UnreadableImage("a.png: no picture"))
    raise OutputNotWritten("out/inpaint.jsonl: not written: No space left on device")


def test_an_error_of_no_input_ends_the_document_whole(capsys: pytest.CaptureFixture[str]) -> None:
    code = reported(full_disk(), is_batch=True, as_json=True, debug=False)
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert code == document["exit_code"] == EXIT_FAILED
    assert [entry["input"] for entry in document["results"]] == ["a.png"]
    assert "No space left" in document["error"]
    assert said.err.splitlines()[-1].startswith("predictor: out/inpaint.jsonl: not written")


def test_what_is_left_gets_the_error_too(capsys: pytest.CaptureFixture[str]) -> None:
    inputs = [Path("a.png"), Path("b.png"), Path("c.png")]
    reported(full_disk(), is_batch=True, as_json=True, debug=False, inputs=inputs)
    entries = json.loads(capsys.readouterr().out)["results"]
    assert [entry["input"] for entry in entries] == ["a.png", "b.png", "c.png"]
    assert "No space left" in entries[2]["error"]["message"]
