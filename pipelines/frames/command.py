"""`predictor frames`: its options, what it prints, and its exit code."""

from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from pipelines.encoder_options import parsed_encoder_options
from pipelines.frames.request import (
    DEFAULT_COUNT,
    DEFAULT_MODEL,
    FramesRequest,
    Mode,
    frames_requests,
)
from pipelines.frames.result import FramesResult
from pipelines.inputs import named_inputs
from pipelines.jobs import outcomes
from pipelines.options import (
    HOW,
    WHERE,
    AsJson,
    Codec,
    Crf,
    Debug,
    Device,
    DryRun,
    EncoderOption,
    Lossless,
    Overwrite,
    Precision,
)
from pipelines.progress import Advance
from pipelines.reports import reported
from pipelines.results import one_line
from pipelines.timecodes import parsed_time
from predictor.errors import SettingsError

if TYPE_CHECKING:
    from pipelines.frames.prediction import NextFrames

_WHAT = "What to predict"


def frames(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="IN...",
            help="Videos, folders of frames (one clip each), folders of videos, globs.",
            show_default=False,
        ),
    ],
    count: Annotated[
        int | None,
        typer.Option(
            "-n",
            "--count",
            min=1,
            rich_help_panel=_WHAT,
            show_default=str(DEFAULT_COUNT),
            help="Frames to predict.",
        ),
    ] = None,
    duration: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", rich_help_panel=_WHAT, help="Instead of -n: how much time (0.5s)."
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            rich_help_panel=_WHAT,
            help="Cut the source after TIME (12.5, 1:30, 00:01:30.250) and continue from there; a "
            "TIME behind the last frame is an error.",
        ),
    ] = None,
    mode: Annotated[
        str,
        typer.Option(
            metavar="|".join(get_args(Mode)),
            rich_help_panel=_WHAT,
            help="append: the source, then the predicted frames. only: the predicted frames. "
            "next: for every frame its prediction from the frames before it, with PSNR, SSIM and "
            "anomaly score as CSV and plot. side-by-side: the last -n frames held out: truth, "
            "prediction, difference (4x).",
        ),
    ] = "append",
    model: Annotated[
        str,
        typer.Option(metavar="NAME|FILE", rich_help_panel=_WHAT, help="See `predictor models`."),
    ] = DEFAULT_MODEL,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            rich_help_panel=WHERE,
            show_default="IN.predicted.EXT",
            help="A file for one input; for several a folder, in which inputs of one name keep "
            "their folders.",
        ),
    ] = None,
    frames_dir: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=WHERE,
            help="Also write the predicted frames as 000123.png, numbered as in the output.",
        ),
    ] = None,
    gif: Annotated[
        bool,
        typer.Option("--gif", rich_help_panel=WHERE, help="Also write a small GIF of the end."),
    ] = False,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    codec: Codec = None,
    crf: Crf = None,
    encoder_option: EncoderOption = None,
    lossless: Lossless = False,
    device: Device = "auto",
    precision: Precision = "auto",
    threads: Annotated[
        int | None,
        typer.Option(min=1, rich_help_panel=HOW, help="Processor threads, to decode and predict."),
    ] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Predict the next frames of each IN and write a video."""
    if count is not None and duration is not None:
        raise typer.BadParameter("-n/--count and --duration exclude each other")
    if mode not in get_args(Mode):
        raise typer.BadParameter(f"--mode is {mode!r}, expected {', '.join(get_args(Mode))}")
    if mode == "next" and count is not None:
        raise typer.BadParameter("--mode next predicts every frame; -n/--count has no meaning")
    if mode == "next" and gif:
        raise typer.BadParameter("--mode next is as long as its input; --gif is for a few frames")
    template = FramesRequest(
        input=Path(),
        output=Path(),
        mode=mode,  # type: ignore[arg-type] # checked against the literal above
        count=count or DEFAULT_COUNT,
        duration_s=_time(duration, "--duration"),
        at=_time(at, "--at"),
        frames_dir=frames_dir,
        codec=codec,
        crf=crf,
        lossless=lossless,
        encoder_options=parsed_encoder_options(encoder_option or []),
        threads=threads,
        overwrite=overwrite,
    )
    named = named_inputs(inputs)
    requests = frames_requests(named, template, output, gif)

    @cache
    def network() -> "NextFrames":
        from pipelines.frames.prediction import load

        try:
            return load(model, device, precision, threads)
        except SettingsError as error:  # no input of a batch can do better
            raise typer.BadParameter(one_line(error)) from error

    def predicted(request: FramesRequest, advance: Advance) -> FramesResult:
        from pipelines.frames.clip import predicted_frames

        return predicted_frames(request, network(), advance)

    def planned(request: FramesRequest, advance: Advance) -> FramesResult:
        from pipelines.frames.clip import planned_frames

        return planned_frames(request, model)

    run = planned if dry_run else predicted
    raise typer.Exit(
        reported(
            outcomes(named, requests, run, is_planned=dry_run),
            is_batch=named.is_batch,
            as_json=as_json,
            debug=debug,
            inputs=list(named.entries),
        )
    )


def _time(text: str | None, setting: str) -> Fraction | None:
    return None if text is None else parsed_time(text, setting)
