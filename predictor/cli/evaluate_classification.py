"""The evaluation of a model that tells classes, printed or written as a report."""

from pathlib import Path

import typer

from predictor.cli.console import log_on_stderr, print_document, print_rows, say_skipped
from predictor.cli.options import with_others


def evaluate_classification(
    *,
    model: str,
    system: str,
    data: Path,
    output: Path | None,
    others: list[str] | None,
    unlabelled: Path | None,
    device: str,
    precision: str,
    as_json: bool,
) -> None:
    """Measure the model on the pictures of `data`; the parameters are options of the command."""
    from predictor.analysis.classification_evaluation import evaluated_classification
    from predictor.analysis.classification_report import classification_page, classification_rows
    from predictor.analysis.classifiers import load_classifier
    from predictor.analysis.page import write_page

    if unlabelled is not None:
        _require_inside(unlabelled, data)
    names = with_others(model, others)
    with log_on_stderr():
        models = {name: load_classifier(name, device, precision) for name in names}
        found = evaluated_classification(models, data, unlabelled)
    say_skipped(found.skipped)
    if output is not None:
        write_page(output, classification_page(" + ".join(names), str(data), found))
    if as_json:
        facts = {
            "model": model,
            "system": system,
            "truncated": bool(found.skipped),
            **found.as_json(),
        }
        print_document(data, output, facts)
        return
    print_rows(f"{model} on {data}", classification_rows(found))
    if output is not None:
        typer.echo(output)


def _require_inside(folder: Path, data: Path) -> None:
    from predictor.data.image_parts import PARTS

    if data.resolve() not in folder.resolve().parents:
        raise typer.BadParameter(f"--unlabelled {folder} does not lie in {data}")
    if folder.name.lower() in PARTS:
        raise typer.BadParameter(f"--unlabelled {folder} is the part {folder.name} of {data}")
