"""The evaluation of a model of the task ``frames``, printed or written as a report."""

from pathlib import Path

import typer

from predictor.cli.console import print_document, progress_on_stderr


def evaluate_frames(
    *,
    model: str,
    system: str,
    data: Path,
    against: str | None,
    output: Path | None,
    horizon: int,
    windows: int,
    device: str,
    precision: str,
    as_json: bool,
) -> None:
    """Measure the model on the videos of `data`; the parameters are the options of the command."""
    import predictor
    from predictor.analysis.frames_evaluation import evaluated
    from predictor.analysis.frames_report import html_report
    from predictor.analysis.frames_summary import evaluation_json
    from predictor.analysis.frames_table import evaluation_tables
    from predictor.analysis.page import write_page

    names = [model] if against is None else [model, against]
    models = {
        name: predictor.load(name, device, precision, task="frames").predict for name in names
    }
    with progress_on_stderr("windows") as advance:
        evaluation = evaluated(
            data, models, horizon=horizon, windows_per_video=windows, progress=advance
        )
    if output is not None:
        write_page(output, html_report(evaluation, models))
    if as_json:
        measured = evaluation_json(evaluation)
        print_document(data, output, {"model": model, "system": system, **measured})
        return
    from rich.console import Console

    Console().print(evaluation_tables(evaluation))
    if output is not None:
        typer.echo(output)
