"""``predictor features``: what a model's encoder sees in pictures, as one vector a picture."""

from pathlib import Path
from typing import Annotated

import typer

from predictor.cli.console import end_with_code_of, print_document, progress_on_stderr, say_skipped
from predictor.cli.options import PICTURE_FORMATS, AsJson, Device, Encoder, Overwrite
from predictor.cli.outputs import require_output


def features(
    model: Encoder,
    images: Annotated[
        Path, typer.Argument(metavar="IMAGES", help=f"The pictures: {PICTURE_FORMATS}.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The NPZ file to write.")
    ],
    statistics: Annotated[
        Path | None,
        typer.Option(
            metavar="IMAGES",
            show_default="IMAGES",
            help="Pictures on which to measure the statistics of batch normalization.",
        ),
    ] = None,
    device: Device = "auto",
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Write the features that a discriminator computes from pictures, one vector per picture.

    They are the activations of all its convolutions, max-pooled to 4 x 4 and concatenated. FILE
    holds the arrays features (one row per picture), names, parts, layers, grid, and labels and
    class_names where there are any. The statistics of batch normalization are first measured on
    real pictures: on the part train of the data, or on all where there is none.
    """
    from predictor.analysis.encoders import load_encoder
    from predictor.analysis.feature_file import picture_features
    from predictor.analysis.features import FeatureExtractor
    from predictor.devices import chosen_device

    require_output(output, overwrite, [model, images, *([statistics] if statistics else [])])
    encoder, short_side = load_encoder(model)
    extractor = FeatureExtractor(encoder, chosen_device(device))
    with progress_on_stderr("pictures") as advance:
        found = picture_features(extractor, images, statistics, advance, short_side=short_side)
    found.write(output)
    say_skipped(found.skipped)
    if as_json:
        print_document(
            images,
            output,
            {
                "model": model,
                "pictures": len(found.names),
                "width": found.features.shape[1],
                "layers": found.layers,
                "has_labels": found.labels is not None,
                "truncated": bool(found.skipped),
                "skipped": found.skipped,
            },
            found.skipped,
        )
    else:
        typer.echo(output)
    end_with_code_of(found.skipped)
