"""The evaluation of a model of the task ``inpaint``, printed or written as a report."""

from pathlib import Path

import typer

from predictor.cli.console import print_document, progress_on_stderr


def evaluate_inpaint(
    *,
    model: str,
    system: str,
    data: Path,
    against: str | None,
    output: Path | None,
    device: str,
    precision: str,
    as_json: bool,
) -> None:
    """Measure the model on the photographs of `data`; the parameters are options of the command."""
    import predictor
    from predictor.analysis.inpaint_evaluation import evaluated
    from predictor.analysis.inpaint_report import inpaint_report
    from predictor.analysis.inpaint_summary import inpaint_json
    from predictor.analysis.inpaint_table import inpaint_table
    from predictor.analysis.page import write_page

    names = [model] if against is None else [model, against]
    models = {name: predictor.load(name, device, precision, task="inpaint").fill for name in names}
    with progress_on_stderr("photographs") as advance:
        evaluation = evaluated(data, models, progress=advance)
    if output is not None:
        write_page(output, inpaint_report(evaluation, models))
    if as_json:
        print_document(data, output, {"model": model, "system": system, **inpaint_json(evaluation)})
        return
    from rich.console import Console

    Console().print(inpaint_table(evaluation))
    if output is not None:
        typer.echo(output)
