"""The evaluation of a model that tells classes, printed or written as a report."""

from pathlib import Path

import typer

from predictor.cli.console import log_on_stderr, print_document


def evaluate_classification(
    *,
    model: str,
    data: Path,
    output: Path | None,
    others: list[str] | None,
    device: str,
    precision: str,
    as_json: bool,
) -> None:
    """Measure the model on the pictures of `data`; the parameters are options of the command."""
    from predictor.analysis.classification_evaluation import evaluated_classification
    from predictor.analysis.classification_report import classification_page, classification_rows
    from predictor.analysis.classifiers import load_classifier
    from predictor.whole_files import write_whole

    names = [model, *(others or [])]
    if len(set(names)) < len(names):
        raise typer.BadParameter("--with names a model that is given already, expected another")
    with log_on_stderr():
        models = {name: load_classifier(name, device, precision) for name in names}
        found = evaluated_classification(models, data)
    if output is not None:
        write_whole(output, classification_page(" + ".join(names), str(data), found).encode())
    if as_json:
        written = None if output is None else str(output)
        told = {"input": str(data), "output": written, "status": "done", "error": None}
        truncated = bool(found.skipped)
        print_document({**told, "model": model, "truncated": truncated, **found.as_json()})
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{model} on {data}", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in classification_rows(found):
        table.add_row(name, value)
    Console().print(table)
    if output is not None:
        typer.echo(output)
