"""The evaluation of a classifier, printed."""

from pathlib import Path

import typer

from predictor.cli.console import print_document


def evaluate_classifier(
    *, model: str, data: Path, output: Path | None, device: str, precision: str, as_json: bool
) -> None:
    """Measure the model on the pictures of `data`, in float32; there is no page to write."""
    from predictor.analysis.classifier_evaluation import evaluated_classifier
    from predictor.devices import chosen_device
    from predictor.networks.classifier import Classifier
    from predictor.weights import find_model, load_network

    if output is not None:
        raise typer.BadParameter("--output: there is no page for a classifier, use --json")
    network, _ = load_network(find_model(model))
    assert isinstance(network, Classifier)  # its task says so
    found = evaluated_classifier(network, data, chosen_device(device))
    if as_json:
        told = {"input": str(data), "output": None, "status": "done", "error": None}
        print_document({**told, "model": model, **found.as_json()})
        return
    typer.echo(
        f"{found.accuracy_percent:.2f} % of {found.pictures:,} pictures right ({found.part}); "
        f"of {found.worst_class}, the worst, {found.worst_class_accuracy_percent:.2f} %"
    )
