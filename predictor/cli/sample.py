"""``predictor sample``: pictures of a model that generates them, and series of such."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from predictor.cli.console import log_on_stderr, print_document
from predictor.cli.options import AsJson, Device, Model, Overwrite, Precision

SHEET_COUNT, SERIES_COUNT = 64, 10
"""Pictures where none are counted: on a sheet, and that a series passes through."""

ROW_STEPS, WALK_STEPS = 10, 30

RATE_HZ = 30.0
"""Frames per second of a video."""


class Way(StrEnum):
    """How series go from one latent to the next."""

    auto = "auto"
    linear = "linear"
    spherical = "spherical"


def sample(
    model: Model,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="The PNG to write; with --images, a folder. Not with --walk, which names its own.",
        ),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            "-n",
            "--count",
            metavar="N",
            min=1,
            show_default="64; 10 in a series",
            help="How many pictures; with --classes, of each class.",
        ),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            metavar="CLASS,…", help="Only pictures of these classes, by name or number: 0,1,cat."
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, help="Other seeds give other pictures.")
    ] = 0,
    images: Annotated[
        bool,
        typer.Option(
            "--images", help="Write single PNGs; with --classes, a folder for each class."
        ),
    ] = False,
    pick_sheet: Annotated[
        bool,
        typer.Option(
            "--pick-sheet", help="Write a sheet with the number of each picture above it."
        ),
    ] = False,
    arithmetic: Annotated[
        str | None,
        typer.Option(
            metavar="SUM",
            help="Compute with the latents of pictures, by their numbers on a --pick-sheet: "
            "'mean(1,5,9) - mean(2,7,8) + mean(3,4,6)'. The sheet shows those pictures, and the "
            "result among eight noisy neighbours. A mean and the sum keep the class and the "
            "categorical codes of their first picture.",
        ),
    ] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODE",
            help="Write rows of pictures in which one latent is varied: a code (c1, or c2=-2..2 "
            "with its range), or a number of the noise (z0, z1, …). Repeatable, a block of rows "
            "each. With --walk, as a video.",
        ),
    ] = None,
    interpolate: Annotated[
        int | None,
        typer.Option(
            metavar="K",
            min=2,
            help="Write rows of K steps from one picture to the next; with --walk, K frames.",
        ),
    ] = None,
    walk: Annotated[
        Path | None,
        typer.Option(
            metavar="VIDEO",
            help="Write a video that passes from picture to picture and back to the first.",
        ),
    ] = None,
    way: Annotated[
        Way,
        typer.Option(
            help="How series interpolate; auto: spherical between normal latents, else linear. "
            "Codes are always interpolated linearly."
        ),
    ] = Way.auto,
    rate: Annotated[
        float | None,
        typer.Option(
            metavar="FPS",
            min=1,
            max=1000,
            show_default=f"{RATE_HZ:g}",
            help="Frames per second of the video.",
        ),
    ] = None,
    device: Device = "auto",
    precision: Precision = "auto",
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Generate pictures with a trained generator: a sheet, single files, series or a video.

    A picture depends only on the model, the seed and its number: number 7 is the same on every
    sheet, in every folder and in every series.
    """
    modes = {
        "--images": images,
        "--pick-sheet": pick_sheet,
        "--arithmetic": arithmetic is not None,
        "--interpolate": interpolate is not None and walk is None,
        "--vary": bool(vary) and walk is None,
        "--walk": walk is not None,
    }
    chosen = [name for name, is_asked in modes.items() if is_asked]
    if len(chosen) > 1:
        raise typer.BadParameter(f"{chosen[0]} and {chosen[1]} are two kinds of output: choose one")
    if (output is None) == (walk is None):
        raise typer.BadParameter("name one output: -o OUT, or --walk VIDEO")
    if way is not Way.auto and interpolate is None and (walk is None or vary):
        raise typer.BadParameter(
            "--way is how a series goes from picture to picture: add --interpolate or --walk"
        )
    if rate is not None and walk is None:
        raise typer.BadParameter("--rate is that of a video: add --walk VIDEO")
    from predictor.analysis.sampling import SampleRequest, write_samples

    with log_on_stderr():
        sampler = _sampler(model, device, precision)
    is_series = chosen in (["--walk"], ["--interpolate"], ["--vary"])
    target = walk or output
    assert target is not None
    request = SampleRequest(
        output=target,
        kind=chosen[0].removeprefix("--") if chosen else "sheet",
        count=count or (SERIES_COUNT if is_series else SHEET_COUNT),
        classes=None if classes is None else sampler.labels_of(classes),
        seed=seed,
        arithmetic=arithmetic or "",
        vary=tuple(vary or ()),
        steps=interpolate or (WALK_STEPS if walk else ROW_STEPS),
        way=way.value,
        rate=rate or RATE_HZ,
        overwrite=overwrite,
    )
    with log_on_stderr():
        write_samples(sampler, request)
    if as_json:
        facts = {"kind": request.kind, "count": request.count, "seed": seed}
        print_document(model, target, facts)
    else:
        typer.echo(target)


def _sampler(model: str, device: str, precision: str) -> Any:
    import predictor
    from predictor.errors import UnknownModel
    from predictor.image_sampler import ImageSampler

    found = predictor.load(model, device, precision)
    if not isinstance(found, ImageSampler):
        raise UnknownModel(f"the model {model} does not generate pictures from latents")
    return found
