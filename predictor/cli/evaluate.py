"""``predictor evaluate``: a model measured on data that it was not trained on, by its task."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from predictor.cli.evaluate_classification import evaluate_classification
from predictor.cli.evaluate_frames import evaluate_frames
from predictor.cli.evaluate_images import evaluate_images
from predictor.cli.evaluate_inpaint import evaluate_inpaint
from predictor.cli.options import PICTURE_FORMATS, AsJson, Device, Model, Overwrite, Precision
from predictor.cli.outputs import require_output

_OF_GENERATORS = ("samples", "seed", "features")

EVALUATIONS: Mapping[str, tuple[Callable[..., None], tuple[str, ...]]] = {
    "frames": (evaluate_frames, ("against", "horizon", "windows")),
    "inpaint": (evaluate_inpaint, ("against",)),
    "classification": (evaluate_classification, ("others", "unlabelled")),
    "codes": (evaluate_images, (*_OF_GENERATORS, "labelled")),
    "images": (evaluate_images, _OF_GENERATORS),
}
"""What measures a model and prints what it found, and the options that it takes, by the
`SystemEntry.evaluation` of the model's system."""


def evaluate(
    context: typer.Context,
    model: Model,
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="Data that the model was not trained on: a video or a folder of them; a folder of "
            f"photographs; for models of small pictures {PICTURE_FORMATS}.",
        ),
    ],
    against: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="frames, inpaint: a second model, measured on the same data for comparison.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="REPORT",
            help="Also write an HTML report with curves and pictures.",
        ),
    ] = None,
    others: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="MODEL",
            help="Classifiers: average the probabilities with those of this model; repeatable.",
        ),
    ] = None,
    horizon: Annotated[
        int, typer.Option(metavar="N", min=1, help="frames: how many frames ahead to predict.")
    ] = 8,
    windows: Annotated[
        int,
        typer.Option(
            metavar="N", min=1, help="frames: how many places of each video to predict from."
        ),
    ] = 5,
    samples: Annotated[
        int, typer.Option(metavar="N", min=10, help="Generators: how many pictures to generate.")
    ] = 10_000,
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, help="Generators: seed of those pictures.")
    ] = 0,
    features: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NETWORK",
            help="Generators: also compare the pictures in the features of this network: a "
            "classifier model, efficientnet-lite0 (needs the extra benchmark), or "
            "inception=WEIGHTS (needs the package torch-fidelity); repeatable.",
        ),
    ] = None,
    labelled: Annotated[
        bool,
        typer.Option(
            "--labelled",
            help="infogan: fail if DATA has no labels, by which the first code is measured as a "
            "classifier; without this option, labels are used if there are any.",
        ),
    ] = False,
    unlabelled: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            exists=True,
            file_okay=False,
            help="Classifiers: a folder in DATA that is no class, as in predictor train.",
        ),
    ] = None,
    device: Device = "auto",
    precision: Precision = "auto",
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Measure how good a model is at its task, next to methods that need no training.

    frames: PSNR, SSIM and sharpness of each frame ahead, over all pixels and over those that move,
    against repeating the last frame and extrapolating its optical flow.

    inpaint: PSNR, L1, L2 and a perceptual distance, against the fills of Telea, Navier-Stokes and
    biharmonic interpolation.

    Generators of small pictures: Parzen log-likelihood, precision and recall, repeated samples and
    the nearest training pictures; for lapgan also the likelihood summed over its levels; for
    infogan the information in its codes and the error of the first as a classifier.

    Classifiers: error, confusions and calibration.
    """
    from predictor.model_files import find_model
    from predictor.systems import SYSTEMS
    from predictor.weights import read_metadata

    if output is not None:
        compared = [*([against] if against else []), *(others or []), *(features or [])]
        require_output(output, overwrite, [model, data, *compared])
    if against == model:
        raise typer.BadParameter("--against names the model itself, expected another")
    task = read_metadata(find_model(model)).task
    special = {
        "against": against,
        "others": others,
        "horizon": horizon,
        "windows": windows,
        "samples": samples,
        "seed": seed,
        "features": features,
        "labelled": labelled,
        "unlabelled": unlabelled,
    }
    kind = SYSTEMS[task].evaluation if task in SYSTEMS else "images"
    measure, own = EVALUATIONS[kind]
    for name in special:
        source = context.get_parameter_source(name)
        if name not in own and source is not None and source.name == "COMMANDLINE":
            option = "with" if name == "others" else name
            raise typer.BadParameter(f"--{option} does not apply to models of the system {task}")
    measure(
        model=model,
        system=task,
        data=data,
        output=output,
        device=device,
        precision=precision,
        as_json=as_json,
        **{name: special[name] for name in own},
    )
