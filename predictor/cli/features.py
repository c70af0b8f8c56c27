"""``predictor features``: what a model's encoder sees in pictures, as one vector a picture."""

from pathlib import Path
from typing import Annotated

import typer

from predictor.cli.console import print_document, progress_on_stderr
from predictor.cli.options import Device
from predictor.cli.outputs import require_output

PICTURES = (
    "A folder of pictures or of class folders, a tar archive of them, NPZ, IDX, MAT, or CIFAR "
    "batches."
)


def features(
    model: Annotated[
        str,
        typer.Argument(
            help="A bundled model's name, a weights file, or the folder of the weights that the "
            "authors of DCGAN released."
        ),
    ],
    images: Annotated[Path, typer.Argument(help=PICTURES)],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The NPZ file to write.")
    ],
    statistics: Annotated[
        Path | None,
        typer.Option(
            metavar="IMAGES",
            help="Pictures to measure the statistics of batch normalization on; else IMAGES.",
        ),
    ] = None,
    device: Device = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace FILE.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document instead of the path.")
    ] = False,
) -> None:
    """Write what the layers of a discriminator see in pictures, max-pooled to 4 x 4 and joined.

    The file has the arrays features (one row a picture), names, parts, layers, grid, and labels and
    class_names where there are any. Statistics of batch normalization are measured on real pictures
    first, on the part train where there is one.
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
    for line in found.skipped:
        typer.echo(f"skipped: {line}", err=True)
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
        )
        return
    typer.echo(output)
