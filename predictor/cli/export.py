"""``predictor export``: the weights of a run as a model that others can use."""

from pathlib import Path
from typing import Annotated

import typer

from predictor.cli.console import print_document
from predictor.cli.options import RUN_HELP, AsJson


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help=RUN_HELP)],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="The folder to write; its name becomes the model's name.",
        ),
    ],
    data: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="For the card: what the model was trained on, and the terms of that data.",
        ),
    ] = None,
    licence: Annotated[
        str,
        typer.Option(
            metavar="SPDX", help="For the card: the licence of the weights, such as CC-BY-4.0."
        ),
    ] = "not stated",
    commercial_use: Annotated[
        bool,
        typer.Option(
            "--commercial-use", help="For the card: the terms of the data allow commercial use."
        ),
    ] = False,
    evaluation: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="For the card: scores, as printed by `predictor evaluate --json`."
        ),
    ] = None,
    newest: Annotated[
        bool,
        typer.Option(
            "--newest", help="Export the newest weights instead of the best by validation."
        ),
    ] = False,
    others: Annotated[
        list[Path] | None,
        typer.Option(
            "--with",
            metavar="RUN",
            help="lapgan: the run of another level, trained by itself; repeatable.",
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Replace a model that exists already. Its card is written anew; one that you "
            "have written in is not replaced.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write the weights of a run as a model that the other commands take, with a model card."""
    from predictor.systems import SYSTEMS
    from predictor.training.model_card import CARD
    from predictor.training.release import export_run
    from predictor.weights import read_metadata

    if not licence.strip():
        raise typer.BadParameter("--licence is empty, expected a name such as CC-BY-4.0")
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
