"""`predictor benchmark`: its options and what it prints."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from predictor.cli.options import MODEL_HELP, AsJson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rich.console import RenderableType

    from pipelines.benchmark.rows import Row

    _Quality = tuple[RenderableType, list[Row], dict[str, Any]]


def _frames_quality(data: Path, names: "Sequence[str]") -> "_Quality":
    import predictor
    from pipelines.benchmark.frames import quality_rows
    from predictor.analysis.frames_evaluation import evaluated
    from predictor.analysis.frames_summary import evaluation_json
    from predictor.analysis.frames_table import evaluation_tables

    networks = {name: predictor.load(name, task="frames").predict for name in names}
    evaluation = evaluated(data, networks, horizon=4)
    rows = quality_rows(evaluation, names[0])
    return evaluation_tables(evaluation), rows, evaluation_json(evaluation)


def _frames_speed(model: str, is_quick: bool, threads: int | None) -> "Iterator[Row]":
    from pipelines.benchmark.frames import speed_rows

    lengths = {"next_s": 2, "long_s": 60} if is_quick else {}
    return speed_rows(model, **lengths, threads=threads)


def _inpaint_quality(data: Path, names: "Sequence[str]") -> "_Quality":
    import predictor
    from pipelines.benchmark.inpaint import quality_rows
    from predictor.analysis.inpaint_evaluation import evaluated
    from predictor.analysis.inpaint_summary import inpaint_json
    from predictor.analysis.inpaint_table import inpaint_table

    networks = {name: predictor.load(name, task="inpaint").fill for name in names}
    evaluation = evaluated(data, networks)
    rows = quality_rows(evaluation, names[0])
    return inpaint_table(evaluation), rows, inpaint_json(evaluation)


def _inpaint_speed(model: str, is_quick: bool, threads: int | None) -> "Iterator[Row]":
    from pipelines.benchmark.inpaint import speed_rows

    return speed_rows(model, photographs=40 if is_quick else 200, workers=threads or 2)


def _video_fill(model: str, videos: Path) -> "list[Row]":
    from pipelines.benchmark.video_fill import video_fill_rows
    from pipelines.inpaint.request import loaded_filler

    return list(video_fill_rows(videos, loaded_filler(model, "auto", "auto", None)))


def _dcgan_speed(model: str, is_quick: bool, threads: int | None) -> "Iterable[Row]":
    from pipelines.benchmark.dcgan import throughput_rows

    return throughput_rows(rounds=2 if is_quick else 5, threads=threads)


def _classifier_speed(model: str, is_quick: bool, threads: int | None) -> "Iterable[Row]":
    from pipelines.benchmark.recipe_training import CLASSIFIERS, recipe_training_rows

    for recipe, pictures in CLASSIFIERS.items():
        rounds = 1 if is_quick else 3
        yield from recipe_training_rows(recipe, pictures, rounds=rounds, threads=threads)


@dataclass(frozen=True)
class _Benchmark:
    """What measures the numbers promised of a task; None for the quality where there are none."""

    quality: "Callable[[Path, Sequence[str]], _Quality] | None"
    speed: "Callable[[str, bool, int | None], Iterable[Row]]"
    speed_title: str = "Speed, on the processor"


TASKS = {
    "dcgan": _Benchmark(None, _dcgan_speed, "Training throughput"),
    "frames": _Benchmark(_frames_quality, _frames_speed),
    "improved-gan": _Benchmark(None, _classifier_speed, "Training"),
    "inpaint": _Benchmark(_inpaint_quality, _inpaint_speed),
}


def benchmark(
    task: Annotated[
        str, typer.Argument(metavar="TASK", help=f"What to measure: {', '.join(TASKS)}.")
    ],
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="DATA",
            help="A folder of videos (frames) or photographs (inpaint) that the model was not "
            "trained on, to measure its quality; without it only the speed is measured.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="MODEL", show_default="the task's own", help=MODEL_HELP),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="A second model, for comparison of the quality."),
    ] = None,
    videos: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="inpaint: also fill a fixed hole in the ten videos of DIR whose camera moves "
            "most.",
        ),
    ] = None,
    quality_only: Annotated[
        bool,
        typer.Option("--quality-only", help="Do not measure the speed, which takes half an hour."),
    ] = False,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help="Measure the speed on shorter clips (2 s for 60 s, 1 min for 10 min) and fewer "
            "photographs.",
        ),
    ] = False,
    threads: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            show_default="all cores",
            help="Processor threads; the README's numbers are for 2.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure quality and speed on this machine, each number next to its target.

    The quality is measured on DATA; the speed on generated clips and photographs, always on the
    processor. dcgan and improved-gan measure training, on the GPU where there is one, and take
    neither DATA nor a model.
    """
    if task not in TASKS:
        raise typer.BadParameter(f"no benchmark {task!r}; known are {', '.join(TASKS)}")
    if videos is not None and task != "inpaint":
        raise typer.BadParameter("--videos is for the task inpaint")
    quality = TASKS[task].quality
    if quality is None and (data or model or against or quality_only):
        raise typer.BadParameter(f"{task} takes no DATA and no model: it measures training")
    if against and data is None:
        raise typer.BadParameter("--against needs DATA, a folder to compare both models on")
    if quality_only and data is None and videos is None:
        raise typer.BadParameter("--quality-only needs DATA, a folder")
    from pipelines.benchmark.rows import benchmark_table

    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    model = model or task
    entry: dict[str, Any] = {"task": task, "model": model, "cpus": os.cpu_count()}
    tables: list[RenderableType] = []
    if data is not None and quality is not None:
        _note(f"measuring the quality on {data}")
        names = [model] if against is None else [model, against]
        table, rows, evaluation = quality(data, names)
        tables += [table, benchmark_table("Quality", rows)]
        entry |= {"quality": [row.as_json() for row in rows], "evaluation": evaluation}
    if videos is not None:
        _note(f"filling videos of {videos}")
        rows = _video_fill(model, videos)
        tables.append(benchmark_table("Videos with a fixed mask", rows))
        entry |= {"videos": [row.as_json() for row in rows]}
    if not quality_only:
        rows = []
        for row in TASKS[task].speed(model, quick, threads):
            _note(f"{row.what}: {row.value:.3g} {row.unit}")
            rows.append(row)
        tables.append(benchmark_table(TASKS[task].speed_title, rows))
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
