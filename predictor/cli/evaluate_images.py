"""The evaluation of a model that generates pictures, printed or written as a report."""

from collections.abc import Sequence
from pathlib import Path

import typer

from predictor.cli.console import log_on_stderr, print_document


def evaluate_images(
    *,
    model: str,
    data: Path,
    output: Path | None,
    samples: int,
    seed: int,
    features: Sequence[str] | None,
    device: str,
    precision: str,
    as_json: bool,
) -> None:
    """Measure the model on the pictures of `data`; the parameters are options of the command."""
    import predictor
    from predictor.analysis.feature_networks import feature_network
    from predictor.analysis.image_evaluation import evaluated_images
    from predictor.analysis.image_report import html_report, score_rows
    from predictor.whole_files import write_whole

    with log_on_stderr():
        sampler = predictor.load(model, device, precision)
        networks = [feature_network(name, sampler.device) for name in features or []]
        found = evaluated_images(sampler, data, samples, seed, networks)
    if output is not None:
        write_whole(output, html_report(model, str(data), found).encode())
    if as_json:
        written = None if output is None else str(output)
        told = {"input": str(data), "output": written, "status": "done", "error": None}
        print_document({**told, "model": model, **found.as_json()})
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{model} on {data}", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in score_rows(found):
        table.add_row(name, value)
    Console().print(table)
    if output is not None:
        typer.echo(output)
