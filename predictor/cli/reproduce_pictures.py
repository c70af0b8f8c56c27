"""The reproduction of a recipe of small pictures: trained, or of a model, then tested."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from predictor.cli.console import log_on_stderr, progress_on_stderr

if TYPE_CHECKING:
    from predictor.recipes import Recipe

RESULT_FILE = "reproduction.json"


def reproduce_pictures(
    *,
    recipe: "Recipe",
    model: str | None,
    data: Path,
    output: Path | None,
    against: str | None,
    seeds: int,
    budget: str | None,
    draws: int,
    overrides: Sequence[str],
    device: str,
    precision: str,
    as_json: bool,
) -> None:
    """Reproduce `recipe`; the others are the options of the command."""
    from predictor.errors import SettingsError
    from predictor.reproduction.budget import parsed_duration
    from predictor.reproduction.document import entry, table
    from predictor.reproduction.plan import recipe_settings
    from predictor.reproduction.reproduction import Request, reproduced
    from predictor.training.settings import parsed_overrides, unchangeable_differences
    from predictor.whole_files import write_whole

    if model is None and output is None:
        raise typer.BadParameter("-o RUN is needed to train, or a trained MODEL before DATA")
    changes = {
        name: value
        for name, value in (("device", device), ("precision", precision))
        if value != "auto"
    } | parsed_overrides(list(overrides))
    settings, changed = recipe_settings(recipe), recipe_settings(recipe, changes)
    for name, (old, new) in unchangeable_differences(settings, changed).items():
        raise SettingsError(
            f"--set {name}: the recipe has {old!r}, with {new!r} it would be another result. Only "
            f"{', '.join(sorted(settings.changeable))} may be set here; --budget trains for a "
            f"shorter time, and predictor train {recipe.system} DATA --recipe {recipe.name} takes "
            "any setting"
        )
    with log_on_stderr(), progress_on_stderr("fits") as advance:
        found = reproduced(
            Request(
                recipe=recipe,
                data=data,
                folder=output,
                model=model,
                against=against,
                seeds=seeds,
                budget_s=None if budget is None else parsed_duration(budget),
                draws=draws,
                changes=changes,
                device=device,
                progress=advance,
            )
        )
    written = None if output is None else output / RESULT_FILE
    document = {
        "results": [entry(found, None if written is None else str(written))],
        "exit_code": 0,
    }
    text = json.dumps(document, indent=2)
    if written is not None:
        write_whole(written, f"{text}\n".encode())
    if as_json:
        typer.echo(text)
        return
    from rich.console import Console

    Console().print(table(found))
    if written is not None:
        typer.echo(written)
