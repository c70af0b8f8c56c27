"""``predictor sample``: pictures of a model that generates them, and series of such."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from predictor.cli.console import log_on_stderr, print_document
from predictor.cli.options import Device, Model, Precision

SHEET_COUNT, SERIES_COUNT = 64, 10
"""Pictures where none are counted: on a sheet, and that a series passes through."""

ROW_STEPS, WALK_STEPS = 10, 30


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
            "--output", "-o", metavar="OUT", help="A PNG; with --images a folder. Not with --walk."
        ),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            "-n", "--count", min=1, help="Pictures (64), with --classes of each; in a series 10."
        ),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(metavar="CLASS,…", help="Only of these classes, by name or number."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other pictures.")] = 0,
    images: Annotated[
        bool, typer.Option("--images", help="A folder of single PNGs, by class with --classes.")
    ] = False,
    pick_sheet: Annotated[
        bool, typer.Option("--pick-sheet", help="A sheet with a number over each picture.")
    ] = False,
    arithmetic: Annotated[
        str | None,
        typer.Option(
            metavar="SUM",
            help="Of numbers on that sheet: mean(1,5,9) - mean(2,7,8) + mean(3,4,6). Shows the "
            "exemplars, and the result among eight noisy neighbours.",
        ),
    ] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODE",
            help="Rows of pictures in which one code is varied, repeatable, a block each: c1, "
            "c2=-2..2; z0 is the first number of the noise. With --walk as a video.",
        ),
    ] = None,
    interpolate: Annotated[
        int | None,
        typer.Option(
            metavar="K", min=2, help="Rows of K steps from picture to picture; with --walk frames."
        ),
    ] = None,
    walk: Annotated[
        Path | None,
        typer.Option(metavar="VIDEO", help="A video that passes through all and ends as it began."),
    ] = None,
    way: Annotated[
        Way,
        typer.Option(
            help="Of a series; auto: spherical between normal latents, else linear. Codes always "
            "go straight."
        ),
    ] = Way.auto,
    rate: Annotated[
        float, typer.Option(min=1, max=1000, help="Of the video, frames a second.")
    ] = 30.0,
    device: Device = "auto",
    precision: Precision = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Generate pictures with a model that was trained to.

    A picture depends on the model, the seed and its number alone: number 7 is the same on every
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
        rate=rate,
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
