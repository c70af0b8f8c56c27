"""The commands around training: train, resume, evaluate, reproduce and export."""

import contextlib
import difflib
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from predictor.systems.entry import SystemEntry
    from predictor.training.estimate import Estimate

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)

SETTINGS_HELP = (
    "Change a setting, repeatable: iterations=20000, batch_size=16, seed=1, precision=fp32, …"
)


@app.command(rich_help_panel="Training")
def train(
    system: Annotated[str, typer.Argument(help="What to train: frames.")],
    data: Annotated[Path, typer.Argument(help="Your data: a folder of videos for frames.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder of the run.")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help=SETTINGS_HELP)
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="The settings of a published result.")] = None,
    init_from: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Start from a released network: a name or a file."),
    ] = None,
    until: Annotated[
        int | None, typer.Option(min=1, help="Stop after this many iterations; resume goes on.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print parameters, memory and time; write nothing.")
    ] = False,
) -> None:
    """Train a system on your own data.

    The folder of the run gets checkpoints, the best by validation among them, log.jsonl, curves for
    TensorBoard and previews. Ctrl-C saves and stops. On several GPUs:
    torchrun --no-python --nproc-per-node 4 predictor train …
    """
    from predictor.recipes import load_recipe
    from predictor.training.estimate import estimated
    from predictor.training.loop import train as trained
    from predictor.training.settings import merged, parsed_overrides, validated_settings

    entry = _entry(system)
    values = parsed_overrides(overrides or [])
    if recipe is not None:
        chosen = load_recipe(recipe)
        if chosen.system != system:
            raise typer.BadParameter(f"recipe {recipe!r} is of the system {chosen.system!r}")
        values = merged(chosen.settings, values)
    settings = validated_settings(entry.settings, values)
    weights = None
    if init_from is not None:
        from predictor.weights import find_model, load_network

        weights = load_network(find_model(init_from))[0].state_dict()
    with _log_on_stderr():
        if dry_run:
            typer.echo(_described(estimated(system, entry, settings, data)))
            return
        _say(trained(output, system, entry, settings, data, initial_weights=weights, until=until))


@app.command(rich_help_panel="Training")
def resume(
    run: Annotated[Path, typer.Argument(help="The folder of the run.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change what leaves the result alone: device, workers, checkpoint_every, …",
        ),
    ] = None,
    until: Annotated[
        int | None, typer.Option(min=1, help="Stop after this many iterations in all.")
    ] = None,
) -> None:
    """Continue a run where its newest checkpoint left it, bit for bit on the same CPU."""
    from predictor.systems import SYSTEMS
    from predictor.training.loop import resume as resumed
    from predictor.training.settings import parsed_overrides

    changes = parsed_overrides(overrides or [])
    with _log_on_stderr():
        _say(resumed(run, SYSTEMS, changes=changes, until=until))


@app.command(rich_help_panel="Training")
def evaluate(
    model: Annotated[str, typer.Argument(help="A bundled model's name, or a weights file.")],
    data: Annotated[
        Path,
        typer.Argument(help="Videos that it was not trained on: a folder of them, or one file."),
    ],
    against: Annotated[
        str | None, typer.Option(metavar="MODEL", help="A second model in the same table.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="REPORT", help="Also write a page with curves and pictures."
        ),
    ] = None,
    horizon: Annotated[int, typer.Option(min=1, help="Frames ahead.")] = 8,
    windows: Annotated[int, typer.Option(min=1, help="Windows of each video.")] = 5,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace REPORT.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document instead of the table.")
    ] = False,
) -> None:
    """Measure how well a model predicts, frame by frame ahead, against classical extrapolation.

    PSNR, SSIM and sharpness, of all pixels and of those that move, against repeating the last frame
    and against carrying its optical flow on.
    """
    import predictor
    from predictor.analysis.frames_evaluation import evaluated
    from predictor.analysis.frames_report import html_report
    from predictor.analysis.frames_summary import evaluation_json
    from predictor.analysis.frames_table import evaluation_tables
    from predictor.whole_files import require_free, write_whole

    if output is not None:
        require_free(output, overwrite)
    names = [model] if against is None else [model, against]
    models = {
        name: predictor.load(name, device, precision, task="frames").predict for name in names
    }
    with _progress_on_stderr("windows") as advance:
        evaluation = evaluated(
            data, models, horizon=horizon, windows_per_video=windows, progress=advance
        )
    if output is not None:
        write_whole(output, html_report(evaluation, models).encode())
    if as_json:
        entry = {
            "input": str(data),
            "output": None if output is None else str(output),
            "status": "done",
            "error": None,
            "model": model,
            **evaluation_json(evaluation),
        }
        typer.echo(json.dumps({"results": [entry], "exit_code": 0}, indent=2))
        return
    from rich.console import Console

    Console().print(evaluation_tables(evaluation))
    if output is not None:
        typer.echo(output)


@app.command(rich_help_panel="Training")
def reproduce(
    recipe: Annotated[str, typer.Argument(help="The published result: mathieu-paper, …")],
    model: Annotated[str, typer.Argument(help="A bundled model's name, or a weights file.")],
    data: Annotated[Path, typer.Argument(help="The published test data, or videos of your own.")],
    listed: Annotated[
        Path | None,
        typer.Option(
            "--list", metavar="FILE", help="Only the videos it names, as UCF101's testlist01.txt."
        ),
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Of those, every so many.")] = 1,
    windows: Annotated[int, typer.Option(min=1, help="Windows of each video.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document instead of the table.")
    ] = False,
) -> None:
    """Test a trained model as a paper tested its own; the published numbers stand beside it.

    The test of mathieu-paper, had one UCF101: predictor reproduce mathieu-paper MODEL UCF-101
    --list testlist01.txt --every 10
    """
    import predictor
    from predictor.analysis.protocols import PROTOCOLS
    from predictor.analysis.reproduction_table import reproduction_tables
    from predictor.data.video_list import listed_videos
    from predictor.recipes import load_recipe, published_table

    chosen = load_recipe(recipe)
    if chosen.protocol is None:
        raise typer.BadParameter(f"recipe {recipe!r} has no protocol to test by")
    where_published, published = published_table(chosen)
    names = listed_videos(data, listed)[::every] if listed or every > 1 else None
    models = {model: predictor.load(model, device, precision).predict}
    with _progress_on_stderr("windows") as advance:
        found = PROTOCOLS[chosen.protocol](
            data, models, names=names, windows_per_video=windows, progress=advance
        )
    if as_json:
        entry = {
            "input": str(data),
            "output": None,
            "status": "done",
            "error": None,
            "recipe": recipe,
            "model": model,
            "protocol": chosen.protocol,
            "published_data": where_published,
            "published": [{"method": row.method, **row.scores} for row in published],
            "measured": {
                reading: [row.as_json() for row in rows]
                for reading, rows in found.by_reading.items()
            },
            "videos": found.videos,
            "windows": found.windows,
            "skipped": dict(found.skipped),
            "notes": found.notes,
        }
        typer.echo(json.dumps({"results": [entry], "exit_code": 0}, indent=2))
        return
    from rich.console import Console

    rows = [(row.method, row.scores) for row in published]
    Console().print(reproduction_tables(chosen.title, where_published, rows, found))


@app.command(rich_help_panel="Training")
def export(
    run: Annotated[Path, typer.Argument(help="The folder of the run.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="The folder, named as the model.")
    ],
    data: Annotated[
        str | None, typer.Option(help="What it was trained on, and the terms of that.")
    ] = None,
    licence: Annotated[str, typer.Option(help="Of the weights, by its SPDX name.")] = "not stated",
    commercial_use: Annotated[
        bool, typer.Option("--commercial-use", help="The terms of the data allow it.")
    ] = False,
    evaluation: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Scores: what `predictor evaluate --json` printed."),
    ] = None,
    newest: Annotated[
        bool, typer.Option("--newest", help="The newest weights, not the best by validation.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
) -> None:
    """Write the weights of a run as a model, with a card that says where they came from."""
    from predictor.systems import SYSTEMS
    from predictor.training.release import export_run

    file = export_run(
        run,
        output,
        SYSTEMS,
        data=data,
        licence=licence,
        commercial_use=commercial_use,
        evaluation=evaluation,
        best=not newest,
        overwrite=overwrite,
    )
    typer.echo(file)


def _entry(system: str) -> "SystemEntry":
    from predictor.systems import SYSTEMS

    if system not in SYSTEMS:
        near = difflib.get_close_matches(system, SYSTEMS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(SYSTEMS)}"
        raise typer.BadParameter(f"no system {system!r}; {hint}")
    return SYSTEMS[system]


def _is_main_rank() -> bool:
    return os.environ.get("RANK", "0") == "0"


def _say(checkpoint: Path) -> None:
    if _is_main_rank():
        typer.echo(checkpoint)


def _described(estimate: "Estimate") -> str:
    hours, seconds = divmod(round(estimate.total_time_s), 3600)
    lines = [f"parameters   {name} {count:,}" for name, count in estimate.parameters.items()]
    lines += [
        f"examples     {estimate.examples:,} an epoch, {len(estimate.skipped)} inputs skipped",
        f"device       {estimate.device}, {estimate.precision}",
        f"memory       {estimate.peak_memory_mib:,.0f} MiB at the peak",
        f"time         {estimate.time_per_iteration_s:.3g} s an iteration, "
        f"{hours} h {seconds // 60} min in all",
    ]
    return "\n".join(lines)


@contextlib.contextmanager
def _log_on_stderr() -> Iterator[None]:
    """Show what the library logs while the block runs."""
    logger, handler = logging.getLogger("predictor"), logging.StreamHandler()
    level = logger.level
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO if _is_main_rank() else logging.ERROR)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@contextlib.contextmanager
def _progress_on_stderr(label: str) -> Iterator[Callable[[int, int, str], None] | None]:
    """Yield what moves a bar, or None where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label)
        yield lambda done, total, name: bar.update(
            task, completed=done, total=total, description=name
        )
