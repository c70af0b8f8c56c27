"""``predictor encode``: the codes that a model reads from pictures, one row a picture."""

from pathlib import Path
from typing import Annotated

import typer

from predictor.cli.console import log_on_stderr, print_document
from predictor.cli.options import Device, Model
from predictor.cli.outputs import require_output


def encode(
    model: Model,
    images: Annotated[
        Path,
        typer.Argument(
            help="A picture, a folder of them with all folders below it, or any other format that "
            "small pictures are trained from. Pictures of another size are resized until they "
            "cover the model's and cropped in the middle."
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="CSV", help="The table to write.")
    ],
    device: Device = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace CSV.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document instead of the path.")
    ] = False,
) -> None:
    """Write which codes a model of the system infogan reads from pictures.

    The columns are file, c1, c2, …: of a categorical code the most likely category, of a uniform
    one the mean. The rows are sorted by file, which is relative to IMAGES.
    """
    from predictor.analysis.code_reader import load_code_reader
    from predictor.analysis.code_table import code_table
    from predictor.devices import chosen_device
    from predictor.whole_files import write_whole

    require_output(output, overwrite, [model, images])
    with log_on_stderr():
        found = code_table(load_code_reader(model, chosen_device(device)), images)
    write_whole(output, found.as_csv().encode(errors="surrogateescape"))  # any name
    for line in found.skipped:
        typer.echo(f"skipped: {line}", err=True)
    if as_json:
        print_document(
            images,
            output,
            {
                "model": model,
                "pictures": len(found.files),
                "codes": list(found.names),
                "truncated": bool(found.skipped),
                "skipped": list(found.skipped),
            },
        )
        return
    typer.echo(output)
