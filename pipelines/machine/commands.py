"""`predictor models` and `predictor doctor`: what the package came with, what it runs on."""

import json

import typer

from pipelines.results import EXIT_FAILED
from predictor.cli.options import AsJson


def models(as_json: AsJson = False) -> None:
    """List the bundled models: task, size, licence and score; --json adds files and all scores."""
    from pipelines.machine.models import model_rows, model_table, score_table

    rows = model_rows()
    if as_json:
        document = {"results": [row.as_json() for row in rows], "exit_code": 0}
        typer.echo(json.dumps(document, indent=2))
        return
    from rich.console import Console

    console = Console()
    console.print(model_table(rows))
    console.print(score_table(rows))


def doctor(as_json: AsJson = False) -> None:
    """Show versions, devices and codecs, and say how to mend what is broken.

    The exit code is 1 where something that is needed is missing.
    """
    from pipelines.machine.doctor import diagnosis, diagnosis_tables

    found = diagnosis()
    code = EXIT_FAILED if found.problems else 0
    if as_json:
        typer.echo(json.dumps({"results": [found.as_json()], "exit_code": code}, indent=2))
    else:
        from rich.console import Console

        Console().print(diagnosis_tables(found))
    raise typer.Exit(code)
