"""What the commands say while they work, on stderr; stdout is for results."""

import contextlib
import json
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

PARTLY_FAILED = 3
"""Exit code of a command that did some of several and not all."""


def is_main_rank() -> bool:
    """Return whether this process speaks for all of them under ``torchrun``."""
    return os.environ.get("RANK", "0") == "0"


@contextlib.contextmanager
def log_on_stderr() -> Iterator[None]:
    """Show what the library logs while the block runs."""
    logger, handler = logging.getLogger("predictor"), logging.StreamHandler()
    level = logger.level
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO if is_main_rank() else logging.ERROR)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@contextlib.contextmanager
def progress_on_stderr(label: str) -> Iterator[Callable[[int, int, str], None] | None]:
    """Yield what moves a bar, or None where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label)
        yield lambda done, total, name: bar.update(
            task, completed=done, total=total, description=name
        )


def print_document(
    source: str | Path,
    output: str | Path | None,
    facts: Mapping[str, Any],
    skipped: Sequence[str] = (),
) -> None:
    """Print the document that ``--json`` promises, for the one input that was done."""
    written = None if output is None else str(output)
    entry = {"input": str(source), "output": written, "status": "done", "error": None, **facts}
    code = PARTLY_FAILED if skipped else 0
    typer.echo(json.dumps({"results": [entry], "exit_code": code}, indent=2))


def say_skipped(skipped: Sequence[str]) -> None:
    """Say on stderr which inputs could not be used, one line each."""
    for line in skipped:
        typer.echo(f"skipped: {line}", err=True)


def end_with_code_of(skipped: Sequence[str]) -> None:
    """End the command with the exit code for some that failed, if any picture was skipped."""
    if skipped:
        raise typer.Exit(PARTLY_FAILED)


def print_rows(title: str, rows: Iterable[tuple[str, str]]) -> None:
    """Print names and values as a table."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # A plain string's [brackets], as of a path, would be markup.
    table = Table(title=Text(title), title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in rows:
        table.add_row(Text(name), Text(value))
    Console().print(table)
