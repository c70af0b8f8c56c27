"""What a command prints while its inputs are done one after another, and how it ends."""

import json
import os
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import typer

from pipelines.other_files import OtherFiles
from pipelines.results import (
    EXIT_INTERRUPTED,
    Outcome,
    Tally,
    fatal_code,
    one_line,
)
from pipelines.termination import Terminated
from predictor.errors import PredictorError


def reported(
    outcomes: Iterable[Outcome],
    *,
    is_batch: bool,
    as_json: bool,
    debug: bool,
    inputs: Sequence[Path] = (),
    summary: Callable[[Tally], str] | None = None,
    others: OtherFiles | None = None,
) -> int:
    """Print each outcome as it comes and return the exit code of the command.

    Paths go to stdout, notes to stderr. With `as_json` one document goes to stdout instead, written
    entry by entry so that memory does not grow; it is complete even after Ctrl-C, SIGTERM or an
    error that `outcomes` raises. Such an error concerns all inputs: each of the `inputs` that are
    left gets it as its outcome. `summary` is printed at the end, and the count of `others` goes
    into the document. `debug` shows tracebacks.
    """
    tally, stopped = Tally(), None
    entries = _Entries() if as_json else None
    try:
        for outcome in outcomes:
            tally.add(outcome)
            _say(outcome, entries, debug)
        code = tally.exit_code(is_batch)
    except KeyboardInterrupt as stop:
        stopped = "interrupted; finished files stay, nothing half-written is left"
        code = stop.exit_code if isinstance(stop, Terminated) else EXIT_INTERRUPTED
    except PredictorError as error:
        stopped = one_line(error)
        code = fatal_code(error)
        if entries is not None:
            for path in inputs[tally.count :]:
                entries.add(Outcome(path, error=error))
        if debug:
            traceback.print_exception(error)
    if stopped is not None:
        typer.echo(f"predictor: {stopped}", err=True)
    if summary is not None:
        typer.echo(f"predictor: {summary(tally)}", err=True)
    if entries is not None:
        entries.close(code, stopped, others)
    return code


class _Entries:
    """The document of ``--json`` on stdout, written as its entries come."""

    def __init__(self) -> None:
        self._is_empty = True

    def add(self, outcome: Outcome) -> None:
        entry = json.dumps(outcome.as_json(), indent=2).replace("\n", "\n    ")
        typer.echo(f"{self._before()}    {entry}", nl=False)
        self._is_empty = False

    def close(self, code: int, error: str | None, others: OtherFiles | None) -> None:
        start = '{\n  "results": [' if self._is_empty else "\n  "
        rest = f',\n  "exit_code": {code}'
        rest += "" if others is None else f',\n  "other_files": {others.count}'
        rest += "" if error is None else f',\n  "error": {json.dumps(error)}'
        typer.echo(f"{start}]{rest}\n}}")

    def _before(self) -> str:
        return '{\n  "results": [\n' if self._is_empty else ",\n"


def _say(outcome: Outcome, entries: _Entries | None, debug: bool) -> None:
    """Print the outcome of one input: paths on stdout, notes on stderr."""
    if outcome.error is not None:
        typer.echo(f"predictor: {one_line(outcome.error)}", err=True)
        if debug:
            traceback.print_exception(outcome.error)
    name = one_line(outcome.input)
    for note in outcome.notes:
        typer.echo(f"predictor: {name}: {note}", err=True)
    if outcome.result is not None:
        result = outcome.result
        for warning in result.warnings:
            typer.echo(f"predictor: {name}: warning: {warning}", err=True)
        if result.how:
            typer.echo(f"predictor: {name}: {result.how}", err=True)
        if result.dropped:
            typer.echo(f"predictor: {name}: left out: {', '.join(result.dropped)}", err=True)
        if entries is None:
            for path in result.files:
                typer.echo(os.fsencode(path))  # a name need not be text
    if entries is not None:
        entries.add(outcome)
