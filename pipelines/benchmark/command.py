"""`predictor benchmark`: its options and what it prints."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import RenderableType


def benchmark(
    task: Annotated[str, typer.Argument(help="What to measure: frames.")],
    data: Annotated[
        Path | None,
        typer.Argument(help="A folder of videos for the quality; without it only speed."),
    ] = None,
    model: Annotated[str, typer.Option(metavar="NAME|FILE", help="What is measured.")] = "frames",
    against: Annotated[
        str | None, typer.Option(metavar="MODEL", help="A second model in the quality table.")
    ] = None,
    quality_only: Annotated[
        bool, typer.Option("--quality-only", help="Leave out the speed, half an hour of work.")
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Short clips: 2 s for 60 s, 1 min for 10 min.")
    ] = False,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Processor threads; two for the numbers promised.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document instead of tables.")
    ] = False,
) -> None:
    """Measure the promised numbers here and now, each beside its bar.

    Quality on the videos in DATA, 12 + 4 frames a window; speed on clips that are made for it, on
    the processor whatever the device.
    """
    if task != "frames":
        raise typer.BadParameter(f"no benchmark {task!r}; known is frames")
    if quality_only and data is None:
        raise typer.BadParameter("--quality-only needs DATA, a folder of videos")
    import predictor
    from pipelines.benchmark.frames import quality_rows, speed_rows
    from pipelines.benchmark.rows import benchmark_table
    from predictor.analysis.frames_evaluation import evaluated
    from predictor.analysis.frames_summary import evaluation_json
    from predictor.analysis.frames_table import evaluation_tables

    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    entry: dict[str, Any] = {"task": task, "model": model, "cpus": os.cpu_count()}
    tables: list[RenderableType] = []
    if data is not None:
        names = [model] if against is None else [model, against]
        networks = {name: predictor.load(name, task="frames").predict for name in names}
        _note(f"measuring the quality on {data}")
        evaluation = evaluated(data, networks, horizon=4)
        rows = quality_rows(evaluation, model)
        tables += [evaluation_tables(evaluation), benchmark_table("Quality", rows)]
        entry |= {"quality": [row.as_json() for row in rows]}
        entry |= {"evaluation": evaluation_json(evaluation)}
    if not quality_only:
        rows = []
        lengths = {"next_s": 2, "long_s": 60} if quick else {}
        for row in speed_rows(model, **lengths, threads=threads):
            _note(f"{row.what}: {row.value:.3g} {row.unit}")
            rows.append(row)
        tables.append(benchmark_table("Speed, on the processor", rows))
        entry |= {"speed": [row.as_json() for row in rows]}
    if as_json:
        typer.echo(json.dumps({"results": [entry], "exit_code": 0}, indent=2))
        return
    from rich.console import Console

    console = Console()
    for table in tables:
        console.print(table)


def _note(line: str) -> None:
    """Say on a terminal how far a long measurement has come."""
    if sys.stderr.isatty():
        typer.echo(line, err=True)
