"""``predictor resume``: a run that stopped goes on."""

from pathlib import Path
from typing import Annotated

import typer

from predictor.cli.console import is_main_rank, log_on_stderr
from predictor.cli.run_state import RunAsJson, say_where_it_stands


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
    data: Annotated[
        Path | None,
        typer.Option(metavar="DATA", help="Where its data are now, if moved."),
    ] = None,
    as_json: RunAsJson = False,
) -> None:
    """Continue a run where its newest checkpoint left it, bit for bit on the same CPU."""
    from predictor.systems import SYSTEMS
    from predictor.training.loop import resume as resumed
    from predictor.training.run import opened_run
    from predictor.training.settings import parsed_overrides

    changes = parsed_overrides(overrides or [])
    with log_on_stderr():
        last = resumed(run, SYSTEMS, changes=changes, data=data, until=until)
    if is_main_rank():
        told = opened_run(run, SYSTEMS)
        say_where_it_stands(run, told.settings.iterations, last, told.data, as_json=as_json)
