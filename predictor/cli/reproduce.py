"""``predictor reproduce``: a published result, trained and tested as the paper did both."""

from pathlib import Path
from typing import Annotated

import typer

from predictor.cli.options import HARMLESS_SETTING_HELP, AsJson, Device, Precision
from predictor.cli.reproduce_frames import reproduce_frames
from predictor.cli.reproduce_pictures import reproduce_pictures

_VIDEO_OPTIONS = ("listed", "every", "windows")
_PICTURE_OPTIONS = ("output", "against", "seeds", "budget", "draws", "overrides")
"""The options that only recipes of videos take, and those that only recipes of pictures take."""


def reproduce(
    context: typer.Context,
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE",
            help="The name of the recipe: gan-mnist, dcgan-cifar10, …; an unknown name is "
            "answered with suggestions.",
        ),
    ],
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="[MODEL] DATA",
            help="The data of the paper, or your own; before it, a trained model to test instead "
            "of training one.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="RUN",
            help="Folder for the runs and for reproduction.json; the same command again resumes.",
        ),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            help="Train with N seeds, and report mean and standard deviation.",
        ),
    ] = 1,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            show_default="train as published",
            help="Shorten the training, and its schedules with it, to TIME in all: 90s, 30m, 2h. "
            "The result says so.",
        ),
    ] = None,
    draws: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            help="Recipes that test features: how many draws of labels, at most the recipe's.",
        ),
    ] = 100,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="With a trained MODEL: the second one, for recipes that compare two.",
        ),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help=HARMLESS_SETTING_HELP,
        ),
    ] = None,
    listed: Annotated[
        Path | None,
        typer.Option(
            "--list",
            metavar="FILE",
            help="Videos: use only those named in FILE, such as UCF101's testlist01.txt.",
        ),
    ] = None,
    every: Annotated[
        int, typer.Option(metavar="N", min=1, help="Videos: use every Nth of them.")
    ] = 1,
    windows: Annotated[
        int,
        typer.Option(
            metavar="N", min=1, help="Videos: how many places of each video to predict from."
        ),
    ] = 1,
    device: Device = "auto",
    precision: Precision = "auto",
    as_json: AsJson = False,
) -> None:
    """Train a recipe, test it as its paper did, and compare with the published numbers.

    With a trained MODEL before DATA, that model is tested and nothing is trained. Recipes of videos
    always need one, since they are tested on other videos than they are trained on:

    predictor reproduce mathieu-paper MODEL UCF-101 --list testlist01.txt --every 10
    """
    from predictor.recipes import load_recipe
    from predictor.reproduction.protocols import PROTOCOLS, VIDEO_PROTOCOLS
    from predictor.wording import nearest_or_all

    chosen = load_recipe(recipe)
    if len(inputs) > 2:
        raise typer.BadParameter(f"expected [MODEL] DATA, found {len(inputs)} arguments")
    *models, data = inputs
    model = models[0] if models else None
    if chosen.protocol in VIDEO_PROTOCOLS:
        _refuse(context, _PICTURE_OPTIONS, f"the recipe {recipe!r}")
        if model is None:
            raise typer.BadParameter(
                f"recipe {recipe!r} is tested on other videos than it is trained on: "
                f"predictor train {chosen.system} --recipe {recipe}, export the run, and name the "
                "MODEL before DATA"
            )
        reproduce_frames(
            recipe=chosen,
            model=model,
            data=Path(data),
            listed=listed,
            every=every,
            windows=windows,
            device=device,
            precision=precision,
            as_json=as_json,
        )
        return
    if chosen.protocol is None:
        raise typer.BadParameter(f"recipe {recipe!r} has no protocol to test by")
    if chosen.protocol not in PROTOCOLS:
        known = nearest_or_all(chosen.protocol, (*PROTOCOLS, *VIDEO_PROTOCOLS))
        raise typer.BadParameter(
            f"the protocol of recipe {recipe!r} is {chosen.protocol!r}, which there is not; {known}"
        )
    _refuse(context, _VIDEO_OPTIONS, f"the recipe {recipe!r}")
    if model is not None:
        _refuse(context, ("seeds", "budget", "overrides"), "a trained MODEL")
    if model is None or chosen.against is None:
        of = "what is trained here" if model is None else f"{recipe}, which compares with nothing"
        _refuse(context, ("against",), of)
    reproduce_pictures(
        recipe=chosen,
        model=model,
        data=Path(data),
        output=output,
        against=against,
        seeds=seeds,
        budget=budget,
        draws=draws,
        overrides=overrides or [],
        device=device,
        precision=precision,
        as_json=as_json,
    )


def _refuse(context: typer.Context, names: tuple[str, ...], what: str) -> None:
    """Raise a usage error if one of the options `names` was given, which `what` does not take."""
    flags = {"listed": "list", "overrides": "set"}
    for name in names:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter(f"--{flags.get(name, name)} does not apply to {what}")
