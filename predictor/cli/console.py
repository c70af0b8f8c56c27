"""What the commands say while they work, on stderr; stdout is for results."""

import contextlib
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import typer


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


def print_document(entry: Mapping[str, Any]) -> None:
    """Print the document that ``--json`` promises, for the one input that was done."""
    typer.echo(json.dumps({"results": [entry], "exit_code": 0}, indent=2))
