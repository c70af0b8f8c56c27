"""``predictor probe``: how much a few labels say about a model's features."""

from pathlib import Path
from typing import Annotated

import typer

from predictor.cli.console import print_document, progress_on_stderr, say_skipped
from predictor.cli.options import AsJson, Device, Encoder


def probe(
    model: Encoder,
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="Labelled pictures: class folders, a tar archive of them, an NPZ file, IDX "
            "(MNIST), MAT (SVHN) or CIFAR batches.",
        ),
    ],
    labels: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            help="How many labelled pictures to train on in all, equally many of each class.",
        ),
    ],
    draws: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="Random draws of the labels, averaged over."),
    ] = 100,
    validation_draws: Annotated[
        int,
        typer.Option(
            metavar="N", min=1, help="Further draws, for choosing the SVM's C and the k of k-NN."
        ),
    ] = 10,
    features_alone: Annotated[
        bool,
        typer.Option("--no-baselines", help="Measure the features alone, not the four baselines."),
    ] = False,
    supervised_draws: Annotated[
        int,
        typer.Option(
            metavar="N", min=1, help="Draws on which the supervised baseline network is trained."
        ),
    ] = 5,
    trials: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            help="Settings tried for the supervised network; the paper tried 64.",
        ),
    ] = 8,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed of the draws.")] = 0,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Test a model's features: a linear SVM learns from few labels, next to four baselines.

    As in Radford et al. 2015: C is chosen on validation pictures; the accuracy is measured on the
    part test of DATA and given as mean ± 1.96 standard deviations over the draws. The baselines are
    k-NN on pixels, HOG + SVM, the same network trained on the labels alone, and its features with
    random weights.
    """
    from predictor.analysis.encoders import load_encoder
    from predictor.analysis.probe_run import ProbeRequest, probe_results
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
        (found,) = probe_results(
            encoder, data, [request], chosen_device(device), advance, short_side=short_side
        )
    say_skipped(found.skipped)
    if as_json:
        print_document(data, None, {"model": model, **found.as_json()})
        return
    from rich.console import Console

    Console().print(probe_table(found))
