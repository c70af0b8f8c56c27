"""``predictor train``: a new run of a system on the user's data."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from predictor.cli.console import is_main_rank, log_on_stderr, print_document, say_skipped
from predictor.cli.options import PICTURE_FORMATS, AsJson
from predictor.cli.run_state import require_new_folder, say_where_it_stands
from predictor.wording import nearest_or_all

if TYPE_CHECKING:
    from predictor.systems.entry import SystemEntry
    from predictor.training.estimate import Estimate


def train(
    system: Annotated[
        str,
        typer.Argument(
            metavar="SYSTEM",
            help="What to train: frames, inpaint, gan, conditional-gan, dcgan, lapgan, infogan, "
            "improved-gan or classifier.",
        ),
    ],
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="Your data: for frames a folder of videos, for inpaint a folder of photographs, "
            f"else {PICTURE_FORMATS}. Folders train/, val/ and test/ inside it are respected.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="RUN", help="The folder of the run, a new one."),
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a setting: iterations=20000, batch_size=16, seed=1, …; an unknown KEY "
            "is answered with suggestions. Repeatable.",
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="Start from the settings of a published result, such as dcgan-paper, or of your "
            "own in a file NAME.toml with system and [settings]. An unknown NAME is answered with "
            "suggestions.",
        ),
    ] = None,
    init_from: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Start from the weights of a model: a bundled name, a file or a folder.",
        ),
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="inpaint: a folder of your own masks; half of the masks are drawn from it.",
        ),
    ] = None,
    level: Annotated[
        int | None,
        typer.Option(
            metavar="K", help="lapgan: train only the level that makes pictures of K pixels."
        ),
    ] = None,
    labels: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            show_default="all",
            help="improved-gan: use the labels of only N pictures, equally many of each class.",
        ),
    ] = None,
    unlabelled: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="improved-gan: a folder of further pictures, without labels; inside DATA it is no "
            "class.",
        ),
    ] = None,
    until: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Stop after N iterations; `predictor resume` continues.",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Try a few iterations, print parameters, memory and time; write nothing.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train a system on your own data.

    The run folder gets checkpoints (the newest and the best by validation), log.jsonl, curves for
    TensorBoard and preview pictures. Ctrl-C saves a checkpoint and stops.

    On several GPUs: torchrun --no-python --nproc-per-node 4 predictor train …
    """
    from predictor.recipes import load_recipe
    from predictor.training.estimate import estimated
    from predictor.training.loop import train as trained
    from predictor.training.settings import merged, parsed_overrides, validated_settings

    entry = _entry(system)
    require_new_folder(output, data)
    values = parsed_overrides(overrides or [])
    options: dict[str, Any] = {
        "masks": None if masks is None else {"folder": str(masks.absolute())},
        "level": level,
        "labels": labels,
        "unlabelled": None if unlabelled is None else str(unlabelled.absolute()),
    }
    for name, value in options.items():
        if value is not None:
            if name not in entry.settings.model_fields:
                raise typer.BadParameter(f"--{name} does not apply to the system {system!r}")
            values = merged(values, {name: value})
    if recipe is not None:
        chosen = load_recipe(recipe)
        if chosen.system != system:
            raise typer.BadParameter(
                f"recipe {recipe!r} is for the system {chosen.system!r}, not {system!r}"
            )
        values = merged(chosen.settings, values)
    settings = validated_settings(entry.settings, values)
    if until is not None and until > settings.iterations:
        raise typer.BadParameter(
            f"--until {until} is beyond the {settings.iterations} iterations of the run; --set "
            f"iterations={until} makes it longer"
        )
    weights, begun_from = None, None
    if init_from is not None:
        from predictor.model_files import bundled_models, find_model
        from predictor.weights import load_network

        file = find_model(init_from)
        weights = load_network(file)[0].state_dict()
        begun_from = init_from if init_from in bundled_models() else file.name
    with log_on_stderr():
        if dry_run:
            estimate = estimated(system, entry, settings, data)
            say_skipped(estimate.skipped)
            if as_json:
                print_document(data, None, {"status": "planned", **asdict(estimate)})
            else:
                typer.echo(_described(estimate))
            return
        last = trained(
            output,
            system,
            entry,
            settings,
            data,
            initial_weights=weights,
            begun_from=begun_from,
            until=until,
        )
    if is_main_rank():
        say_where_it_stands(output, settings, last, data, as_json=as_json)


def _entry(system: str) -> "SystemEntry":
    from predictor.systems import SYSTEMS

    if system not in SYSTEMS:
        raise typer.BadParameter(f"no system {system!r}; {nearest_or_all(system, SYSTEMS)}")
    return SYSTEMS[system]


def _described(estimate: "Estimate") -> str:
    from predictor.training.training_warnings import WAITING_S, WAITING_SHARE

    hours, seconds = divmod(round(estimate.total_time_s), 3600)
    lines = [f"parameters   {name} {count:,}" for name, count in estimate.parameters.items()]
    lines += [
        f"examples     {estimate.examples:,} per epoch, {len(estimate.skipped)} inputs skipped",
        f"device       {estimate.device}, {estimate.precision}",
        f"memory       {estimate.peak_memory_mib:,.0f} MiB at the peak",
        f"time         {estimate.time_per_iteration_s:.3g} s per iteration, "
        f"{hours} h {seconds // 60} min in all",
    ]
    waited_s = estimate.waiting_share * estimate.time_per_iteration_s
    if estimate.waiting_share >= WAITING_SHARE and waited_s >= WAITING_S:
        lines.append(
            f"loading      {100 * estimate.waiting_share:.0f} % of that is waiting for data; "
            f"{estimate.loading_remedy}"
        )
    return "\n".join(lines)
