"""``predictor export``: the weights of a run as a model that others can use."""

from pathlib import Path
from typing import Annotated

import typer

from predictor.cli.console import print_document


def export(
    run: Annotated[Path, typer.Argument(help="The folder of the run.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="The folder, named as the model.")
    ],
    data: Annotated[
        str | None, typer.Option(help="What it was trained on, and the terms of that.")
    ] = None,
    licence: Annotated[str, typer.Option(help="Of the weights, by its SPDX name.")] = "not stated",
    commercial_use: Annotated[
        bool, typer.Option("--commercial-use", help="The terms of the data allow it.")
    ] = False,
    evaluation: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Scores: what `predictor evaluate --json` printed."),
    ] = None,
    newest: Annotated[
        bool, typer.Option("--newest", help="The newest weights, not the best by validation.")
    ] = False,
    others: Annotated[
        list[Path] | None,
        typer.Option(
            "--with", metavar="RUN", help="Of another level, trained by itself; repeatable."
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document instead of the path.")
    ] = False,
) -> None:
    """Write the weights of a run as a model, with a card that says where they came from."""
    from predictor.systems import SYSTEMS
    from predictor.training.model_card import CARD
    from predictor.training.release import export_run
    from predictor.weights import read_metadata

    file = export_run(
        run,
        output,
        SYSTEMS,
        data=data,
        licence=licence,
        commercial_use=commercial_use,
        evaluation=evaluation,
        best=not newest,
        beside=others or [],
        overwrite=overwrite,
    )
    if as_json:
        described = read_metadata(file)
        origin = described.provenance
        facts = {
            "card": str(file.with_name(CARD)),
            "task": described.task,
            "network": described.network,
            "iterations": origin.iterations,
            "scores": origin.scores,
        }
        print_document(run, file, facts)
    else:
        typer.echo(file)
