"""What ``train`` and ``resume`` say of a run when they end."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from predictor.cli.console import print_document
from predictor.errors import OutputExists, OutputIsInput

if TYPE_CHECKING:
    from predictor.systems.settings import RunSettings


def require_new_folder(run: Path, data: Path) -> None:
    """Raise where a run would be written among other files, which would pass for its own.

    `OutputIsInput` for the folder of the data, else `OutputExists`. A folder in which a run was
    begun is for the training loop to judge.
    """
    from predictor.run_folder import LOCK_FILE

    if not run.is_dir():
        if run.exists():
            raise OutputExists(f"-o {run} is a file, expected the name of a new folder")
        return
    if data.exists() and run.samefile(data):
        raise OutputIsInput(f"-o {run} is the folder of the data; choose another")
    names = sorted(path.name for path in run.iterdir() if not path.name.startswith("."))
    if names and LOCK_FILE not in names:
        raise OutputExists(f"-o {run} holds other files ({names[0]}); choose a new folder")


def say_where_it_stands(
    run: Path, settings: "RunSettings", last: Path, data: Path, *, as_json: bool
) -> None:
    """Print the last checkpoint of the run and what may come next."""
    from predictor.training.run import resume_command

    iterations = settings.iterations
    done = int(last.stem.removeprefix("iteration-"))
    following = resume_command(run)
    if done == iterations:
        model = f"models/{run.resolve().name}"
        is_one_level = getattr(settings, "level", None) is not None
        others = ["--with", "RUN_OF_ANOTHER_LEVEL"] if is_one_level else []
        following = shlex.join(["predictor", "export", str(run), *others, "-o", model])
    typer.echo(f"{done} of {iterations} iterations are done; next: {following}", err=True)
    if as_json:
        print_document(data, last, {"run": str(run), "iteration": done, "iterations": iterations})
    else:
        typer.echo(last)
