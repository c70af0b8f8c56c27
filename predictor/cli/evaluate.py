"""``predictor evaluate``: a model measured on data that it was not trained on, by its task."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from predictor.cli.evaluate_classification import evaluate_classification
from predictor.cli.evaluate_frames import evaluate_frames
from predictor.cli.evaluate_images import evaluate_images
from predictor.cli.evaluate_inpaint import evaluate_inpaint
from predictor.cli.options import AsJson, Device, Model, Precision
from predictor.cli.outputs import require_output

EVALUATIONS: Mapping[str, Callable[..., None]] = {
    "frames": evaluate_frames,
    "inpaint": evaluate_inpaint,
    "gan": evaluate_images,
    "conditional-gan": evaluate_images,
    "lapgan": evaluate_images,
    "dcgan": evaluate_images,
    "infogan": evaluate_images,
    "classifier": evaluate_classification,
    "improved-gan": evaluate_classification,
}
"""What measures a model and prints what it found, by the task in the model's file."""

_OF_IMAGES = ("samples", "seed", "features")
"""The options of all tasks that generate pictures."""

_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "frames": ("against", "horizon", "windows"),
    "inpaint": ("against",),
    "classifier": ("others",),
    "infogan": (*_OF_IMAGES, "labelled"),
    "improved-gan": ("others",),
}
"""The options of the other tasks, and of the generators that have more than those."""


def evaluate(
    context: typer.Context,
    model: Model,
    data: Annotated[
        Path,
        typer.Argument(
            help="What it was not trained on: videos, a folder of them or one file; photographs; "
            "small pictures in any format that they are trained from."
        ),
    ],
    against: Annotated[
        str | None, typer.Option(metavar="MODEL", help="A second model in the same table.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="REPORT", help="Also write a page with curves and pictures."
        ),
    ] = None,
    others: Annotated[
        list[str] | None,
        typer.Option(
            "--with", metavar="MODEL", help="Classifiers: answer together with it; repeatable."
        ),
    ] = None,
    horizon: Annotated[int, typer.Option(min=1, help="Videos: frames ahead.")] = 8,
    windows: Annotated[int, typer.Option(min=1, help="Videos: windows of each.")] = 5,
    samples: Annotated[int, typer.Option(min=10, help="Generators: pictures made.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Generators: of those pictures.")] = 0,
    features: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NETWORK",
            help="Generators: compare in its features too, repeatable: a classifier, "
            "efficientnet-lite0 (extra benchmark) or "
            "inception=WEIGHTS (package torch-fidelity).",
        ),
    ] = None,
    labelled: Annotated[
        bool,
        typer.Option(
            "--labelled",
            help="Models with codes: refuse data without labels, which otherwise are used where "
            "there are any to measure the first code as a classifier.",
        ),
    ] = False,
    device: Device = "auto",
    precision: Precision = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace REPORT.")] = False,
    as_json: AsJson = False,
) -> None:
    """Measure how well a model does what it is for, against what needs no training.

    Frames: PSNR, SSIM and sharpness, of all pixels and of those that move, frame by frame ahead,
    against repeating the last frame and against carrying its optical flow on. Inpainting: PSNR, L1,
    L2 and a perceptual distance against Telea's, Navier-Stokes and biharmonic fills. Generated
    pictures: Parzen log-likelihood, neighbours among each other and in the training pictures,
    precision and recall; where a model has codes, their information and the error of the first.
    Classifiers: errors, who is taken for whom, calibration.
    """
    from predictor.errors import UnknownModel
    from predictor.weights import find_model, read_metadata

    if output is not None:
        compared = [*([against] if against else []), *(others or []), *(features or [])]
        require_output(output, overwrite, [model, data, *compared])
    if against == model:
        raise typer.BadParameter("--against names the model itself, expected another")
    task = read_metadata(find_model(model)).task
    if task not in EVALUATIONS:
        raise UnknownModel(
            f"the model {model} is of the system {task}, which cannot be evaluated yet; "
            f"what can is {', '.join(EVALUATIONS)}"
        )
    special = {
        "against": against,
        "others": others,
        "horizon": horizon,
        "windows": windows,
        "samples": samples,
        "seed": seed,
        "features": features,
        "labelled": labelled,
    }
    own = _OPTIONS.get(task, _OF_IMAGES)
    for name in special:
        source = context.get_parameter_source(name)
        if name not in own and source is not None and source.name == "COMMANDLINE":
            option = "with" if name == "others" else name
            raise typer.BadParameter(f"--{option} is not of models of the system {task}")
    EVALUATIONS[task](
        model=model,
        data=data,
        output=output,
        device=device,
        precision=precision,
        as_json=as_json,
        **{name: special[name] for name in own},
    )
