"""What a command prints while its inputs are done one after another, and how it ends."""

import contextlib
import json
import signal
import traceback
from collections.abc import Iterable, Iterator
from types import FrameType

import typer

from pipelines.inputs import Inputs
from pipelines.jobs import FATAL
from pipelines.results import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_TERMINATED,
    Outcome,
    document,
    exit_code,
    one_line,
)
from predictor.errors import Interrupted


class _Terminated(KeyboardInterrupt):
    """SIGTERM, unwound like Ctrl-C so that partial outputs are removed."""


def reported(inputs: Inputs, outcomes: Iterable[Outcome], as_json: bool, debug: bool) -> int:
    """Print each outcome as it comes and return the exit code of the command.

    Paths go to stdout, what is to be known to stderr; with `as_json` one document goes to stdout
    at the end, also after Ctrl-C, SIGTERM and what is `FATAL`. `debug` shows tracebacks.
    """
    done: list[Outcome] = []
    stopped: str | None = None
    try:
        with _terminated_like_interrupted():
            for outcome in outcomes:
                done.append(outcome)
                _say(outcome, as_json, debug)
        code = exit_code(done, inputs.is_batch)
    except KeyboardInterrupt as stop:
        stopped = "interrupted; finished files stay, nothing half-written is left"
        code = EXIT_TERMINATED if isinstance(stop, _Terminated) else EXIT_INTERRUPTED
    except FATAL as error:
        stopped = one_line(error)
        code = 128 + error.signal_number if isinstance(error, Interrupted) else EXIT_FAILED
        done += [Outcome(path, error=error) for path in list(inputs.entries)[len(done) :]]
        if debug:
            traceback.print_exception(error)
    if stopped is not None:
        typer.echo(f"predictor: {stopped}", err=True)
    if as_json:
        typer.echo(json.dumps(document(done, code, stopped), indent=2))
    return code


def _say(outcome: Outcome, as_json: bool, debug: bool) -> None:
    """Print the outcome of one clip: paths on stdout, what is to be known on stderr."""
    if outcome.error is not None:
        typer.echo(f"predictor: {one_line(outcome.error)}", err=True)
        if debug:
            traceback.print_exception(outcome.error)
    if outcome.result is not None:
        result, clip = outcome.result, one_line(outcome.input)
        for warning in result.warnings:
            typer.echo(f"predictor: {clip}: warning: {warning}", err=True)
        if result.how:
            typer.echo(f"predictor: {clip}: {result.how}", err=True)
        if result.dropped:
            typer.echo(f"predictor: {clip}: left out: {', '.join(result.dropped)}", err=True)
        if not as_json:
            for path in result.files:
                typer.echo(f"{path}")


@contextlib.contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Raise SIGTERM as an exception inside the block; in a thread, where none comes, do nothing."""

    def terminate(number: int, frame: FrameType | None) -> None:
        raise _Terminated

    try:
        before = signal.signal(signal.SIGTERM, terminate)
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
