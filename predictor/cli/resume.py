"""``predictor resume``: a run that stopped goes on."""

from pathlib import Path
from typing import Annotated

import typer

from predictor.cli.console import is_main_rank, log_on_stderr


def resume(
    run: Annotated[Path, typer.Argument(help="The folder of the run.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change what leaves the result alone: device, workers, checkpoint_every, …",
        ),
    ] = None,
    until: Annotated[
        int | None, typer.Option(min=1, help="Stop after this many iterations in all.")
    ] = None,
) -> None:
    """Continue a run where its newest checkpoint left it, bit for bit on the same CPU."""
    from predictor.systems import SYSTEMS
    from predictor.training.loop import resume as resumed
    from predictor.training.settings import parsed_overrides

    changes = parsed_overrides(overrides or [])
    with log_on_stderr():
        last = resumed(run, SYSTEMS, changes=changes, until=until)
    if is_main_rank():
        typer.echo(last)
