"""``predictor resume``: a run that stopped goes on."""

from pathlib import Path
from typing import Annotated

import typer

from predictor.cli.console import is_main_rank, log_on_stderr
from predictor.cli.options import HARMLESS_SETTING_HELP, RUN_HELP, AsJson
from predictor.cli.run_state import say_where_it_stands


def resume(
    run: Annotated[Path, typer.Argument(metavar="RUN", help=RUN_HELP)],
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help=HARMLESS_SETTING_HELP,
        ),
    ] = None,
    until: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            show_default="the run's own",
            help="Stop once N iterations in all are done.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="DATA", help="Where the data of the run are now, if they were moved."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Continue a training run from its newest checkpoint.

    On the same CPU the result equals that of a run that was never stopped, bit for bit.
    """
    from predictor.systems import SYSTEMS
    from predictor.training.loop import resume as resumed
    from predictor.training.run import opened_run
    from predictor.training.settings import parsed_overrides

    changes = parsed_overrides(overrides or [])
    with log_on_stderr():
        last = resumed(run, SYSTEMS, changes=changes, data=data, until=until)
    if is_main_rank():
        told = opened_run(run, SYSTEMS)
        say_where_it_stands(run, told.settings, last, told.data, as_json=as_json)
