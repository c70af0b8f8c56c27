"""``predictor encode``: the codes that a model reads from pictures, one row a picture."""

from pathlib import Path
from typing import Annotated

import typer

from predictor.cli.console import end_with_code_of, log_on_stderr, print_document, say_skipped
from predictor.cli.options import PICTURE_FORMATS, AsJson, Device, Model, Overwrite
from predictor.cli.outputs import require_output


def encode(
    model: Model,
    images: Annotated[
        Path,
        typer.Argument(
            metavar="IMAGES", help=f"The pictures to read: a picture, {PICTURE_FORMATS}."
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="CSV", help="The table to write, as CSV.")
    ],
    device: Device = "auto",
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Read the codes of pictures with a model of the system infogan, and write them as a table.

    The columns are file, c1, c2, …: the most likely category of a categorical code, the mean of a
    uniform one. The rows are sorted by file, a path relative to IMAGES. A picture of another size
    than the model's is resized to cover it and cropped in the middle.
    """
    from predictor.analysis.code_reader import load_code_reader
    from predictor.analysis.code_table import code_table
    from predictor.devices import chosen_device
    from predictor.whole_files import write_whole

    require_output(output, overwrite, [model, images])
    with log_on_stderr():
        found = code_table(load_code_reader(model, chosen_device(device)), images)
    write_whole(output, found.as_csv().encode(errors="surrogateescape"))  # any name
    say_skipped(found.skipped)
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
            found.skipped,
        )
    else:
        typer.echo(output)
    end_with_code_of(found.skipped)
