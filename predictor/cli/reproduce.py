"""``predictor reproduce``: a published result, tested as the paper tested it, by its system."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from predictor.cli.options import AsJson, Device, Model, Precision
from predictor.cli.reproduce_frames import reproduce_frames

REPRODUCTIONS: Mapping[str, Callable[..., None]] = {"frames": reproduce_frames}
"""What tests a recipe and prints what it found, by the recipe's system."""


def reproduce(
    recipe: Annotated[str, typer.Argument(help="The published result: mathieu-paper, …")],
    model: Model,
    data: Annotated[Path, typer.Argument(help="The published test data, or videos of your own.")],
    listed: Annotated[
        Path | None,
        typer.Option(
            "--list", metavar="FILE", help="Only the videos it names, as UCF101's testlist01.txt."
        ),
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Of those, every so many.")] = 1,
    windows: Annotated[int, typer.Option(min=1, help="Windows of each video.")] = 1,
    device: Device = "auto",
    precision: Precision = "auto",
    as_json: AsJson = False,
) -> None:
    """Test a trained model as a paper tested its own; the published numbers stand beside it.

    The test of mathieu-paper, had one UCF101: predictor reproduce mathieu-paper MODEL UCF-101
    --list testlist01.txt --every 10
    """
    from predictor.recipes import load_recipe

    chosen = load_recipe(recipe)
    if chosen.protocol is None or chosen.system not in REPRODUCTIONS:
        raise typer.BadParameter(f"recipe {recipe!r} has no protocol to test by")
    REPRODUCTIONS[chosen.system](
        recipe=chosen,
        model=model,
        data=data,
        listed=listed,
        every=every,
        windows=windows,
        device=device,
        precision=precision,
        as_json=as_json,
    )
