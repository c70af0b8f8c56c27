"""``predictor probe``: how much a few labels say about a model's features."""

from pathlib import Path
from typing import Annotated

import typer

from predictor.cli.console import print_document, progress_on_stderr
from predictor.cli.options import Device


def probe(
    model: Annotated[
        str,
        typer.Argument(
            help="A bundled model's name, a weights file, or the folder of the weights that the "
            "authors of DCGAN released."
        ),
    ],
    data: Annotated[
        Path,
        typer.Argument(
            help="Labelled pictures: class folders, a tar archive of them, NPZ, IDX, MAT, or CIFAR "
            "batches."
        ),
    ],
    labels: Annotated[
        int, typer.Option(min=1, help="How many labels are shown, as many of each class.")
    ],
    draws: Annotated[int, typer.Option(min=1, help="Draws of labels that are tested.")] = 100,
    validation_draws: Annotated[
        int, typer.Option(min=1, help="Draws of labels that choose C, and k.")
    ] = 10,
    features_alone: Annotated[
        bool, typer.Option("--no-baselines", help="Measure the features alone.")
    ] = False,
    supervised_draws: Annotated[
        int, typer.Option(min=1, help="Draws that train the supervised network.")
    ] = 5,
    trials: Annotated[
        int, typer.Option(min=1, help="Settings tried for the supervised network; 64 in the paper.")
    ] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
    device: Device = "auto",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document instead of the table.")
    ] = False,
) -> None:
    """Measure a model's features by a linear SVM on a few labels, against four baselines.

    As Radford et al. 2015: C is chosen on validation pictures, the accuracy is that on the part
    test, mean and 1.96 deviations over the draws. Beside it: k-NN on pixels, HOG + SVM, the same
    network trained on the labels alone, and its features with random weights.
    """
    from predictor.analysis.encoders import load_encoder
    from predictor.analysis.probe_run import ProbeRequest, probe_result
    from predictor.analysis.probe_table import probe_table
    from predictor.devices import chosen_device

    request = ProbeRequest(
        labels=labels,
        draws=draws,
        validation_draws=validation_draws,
        supervised_draws=supervised_draws,
        trials=trials,
        seed=seed,
        has_baselines=not features_alone,
    )
    encoder, short_side = load_encoder(model)
    with progress_on_stderr("fits") as advance:
        found = probe_result(
            encoder, data, request, chosen_device(device), advance, short_side=short_side
        )
    if as_json:
        print_document(data, None, {"model": model, **found.as_json()})
        return
    from rich.console import Console

    Console().print(probe_table(found))
