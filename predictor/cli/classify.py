"""``predictor classify``: what class pictures are of."""

from pathlib import Path
from typing import Annotated

import typer

from predictor.cli.console import log_on_stderr, print_document
from predictor.cli.options import Device, Precision
from predictor.cli.outputs import require_output


def classify(
    model: Annotated[
        str, typer.Argument(help="A bundled model's name, a weights file, or a model folder.")
    ],
    images: Annotated[
        Path,
        typer.Argument(
            help="A picture, a folder of them with all folders below, a tar archive, NPZ, IDX, "
            "MAT, or CIFAR batches."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="CSV", help="A file instead of the terminal."),
    ] = None,
    others: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="MODEL", help="Answer together with it; repeatable."),
    ] = None,
    device: Device = "auto",
    precision: Precision = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace CSV.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Tell the class of pictures: columns file, class, probability, a row each, by path.

    Pictures of another size are resized until they cover that of the model and cropped in the
    middle; colours become grey where the model knows only grey.
    """
    from predictor.analysis.classifiers import classified_pictures, load_classifier
    from predictor.whole_files import write_whole

    names = [model, *(others or [])]
    if output is not None:
        require_output(output, overwrite, [*names, images])
    with log_on_stderr():
        classifiers = [load_classifier(name, device, precision) for name in names]
        found = classified_pictures(classifiers, images)
    for line in found.skipped:
        typer.echo(f"skipped: {line}", err=True)
    if output is not None:
        write_whole(output, found.as_csv().encode(errors="surrogateescape"))  # any name
    if as_json:
        print_document(
            images,
            output,
            {
                "model": model,
                "truncated": bool(found.skipped),
                "skipped": list(found.skipped),
                "pictures": [
                    {"file": row.file, "class": row.class_name, "probability": row.probability}
                    for row in found.rows
                ],
            },
        )
    elif output is not None:
        typer.echo(output)
    else:
        typer.echo(found.as_csv(), nl=False)
