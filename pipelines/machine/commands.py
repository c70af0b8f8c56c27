"""`predictor models` and `predictor doctor`: what the package came with, what it runs on."""

import json
from typing import Annotated

import typer

from pipelines.results import EXIT_FAILED

_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def models(as_json: _Json = False) -> None:
    """List the bundled models: size, task, licence, commercial use, scores."""
    from pipelines.machine.models import model_rows, model_table

    rows = model_rows()
    if as_json:
        document = {"results": [row.as_json() for row in rows], "exit_code": 0}
        typer.echo(json.dumps(document, indent=2))
        return
    from rich.console import Console

    Console().print(model_table(rows))


def doctor(as_json: _Json = False) -> None:
    """Show versions, devices and codecs, and what is missing; exit 1 if something is."""
    from pipelines.machine.doctor import diagnosis, diagnosis_tables

    found = diagnosis()
    code = EXIT_FAILED if found.problems else 0
    if as_json:
        typer.echo(json.dumps({"results": [found.as_json()], "exit_code": code}, indent=2))
    else:
        from rich.console import Console

        Console().print(diagnosis_tables(found))
    raise typer.Exit(code)
