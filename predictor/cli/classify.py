"""``predictor classify``: what class pictures are of."""

from pathlib import Path
from typing import Annotated

import typer

from predictor.cli.console import end_with_code_of, log_on_stderr, print_document, say_skipped
from predictor.cli.options import (
    PICTURE_FORMATS,
    AsJson,
    Device,
    Model,
    Overwrite,
    Precision,
    with_others,
)
from predictor.cli.outputs import require_output


def classify(
    model: Model,
    images: Annotated[
        Path,
        typer.Argument(metavar="IMAGES", help=f"What to classify: a picture, {PICTURE_FORMATS}."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="CSV", help="Write the table to this file, not to stdout."
        ),
    ] = None,
    others: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="MODEL",
            help="Average the probabilities with those of this model; repeatable.",
        ),
    ] = None,
    device: Device = "auto",
    precision: Precision = "auto",
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Tell which class each picture belongs to, as a CSV table: file, class, probability.

    The rows are sorted by file. A picture of another size than the model's is resized to cover it
    and cropped in the middle; a model of grey pictures sees colours as grey.
    """
    from predictor.analysis.classifiers import classified_pictures, load_classifier
    from predictor.whole_files import write_whole

    names = with_others(model, others)
    if output is not None:
        require_output(output, overwrite, [*names, images])
    with log_on_stderr():
        classifiers = [load_classifier(name, device, precision) for name in names]
        found = classified_pictures(classifiers, images)
    say_skipped(found.skipped)
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
            found.skipped,
        )
    elif output is not None:
        typer.echo(output)
    else:
        typer.echo(found.as_csv(), nl=False)
    end_with_code_of(found.skipped)
