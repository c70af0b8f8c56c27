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
from pipelines.results import UnusableOption, one_line
from pipelines.timecodes import parsed_time
from predictor.cli.options import MODEL_HELP
from predictor.errors import SettingsError

if TYPE_CHECKING:
    from pipelines.frames.prediction import NextFrames

_WHAT = "What to predict"


def frames(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="IN",
            help="Videos, folders of pictures (each is one clip), folders of videos, or globs.",
            show_default=False,
        ),
    ],
    count: Annotated[
        int | None,
        typer.Option(
            "-n",
            "--count",
            metavar="N",
            min=1,
            rich_help_panel=_WHAT,
            show_default=str(DEFAULT_COUNT),
            help="How many frames to predict.",
        ),
    ] = None,
    duration: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            rich_help_panel=_WHAT,
            help="How much to predict as a time, instead of -n: 0.5s, 500ms.",
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            rich_help_panel=_WHAT,
            show_default="the end",
            help="Drop what the source shows after TIME and continue from there: 12.5 (seconds), "
            "1:30, 00:01:30.250. It is an error if the source ends before TIME.",
        ),
    ] = None,
    mode: Annotated[
        str,
        typer.Option(
            metavar="|".join(get_args(Mode)),
            rich_help_panel=_WHAT,
            help="append: the source, then the predicted frames. only: the predicted frames. "
            "next: every frame as predicted from those before it; PSNR, SSIM and anomaly score go "
            "to a CSV file and a plot. side-by-side: the last -n frames are held out and shown as "
            "truth, prediction and their difference (x 4).",
        ),
    ] = "append",
    model: Annotated[
        str,
        typer.Option(metavar="MODEL", rich_help_panel=_WHAT, help=MODEL_HELP),
    ] = DEFAULT_MODEL,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE|DIR",
            rich_help_panel=WHERE,
            show_default="beside IN: NAME.predicted.EXT",
            help="The video to write, or a folder, which has no suffix; for several inputs a "
            "folder, in which inputs of the same name keep their subfolders.",
        ),
    ] = None,
    frames_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            rich_help_panel=WHERE,
            help="Also write the predicted frames as PNGs, each named after its place in the "
            "output (000123.png).",
        ),
    ] = None,
    gif: Annotated[
        bool,
        typer.Option(
            "--gif",
            rich_help_panel=WHERE,
            help="Also write a GIF, at most 480 pixels wide: the last source frames that were "
            "looked at, then the predicted ones.",
        ),
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
        typer.Option(
            metavar="N",
            min=1,
            rich_help_panel=HOW,
            show_default="all cores",
            help="Processor threads for decoding and for predicting.",
        ),
    ] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Predict the next frames of each IN and write them as a video.

    By default the output is a copy of IN, not encoded again, with the predicted frames after it.
    The options under "How videos are encoded" have the whole video encoded again.
    """
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
        import torch

        from pipelines.frames.prediction import load

        if threads is not None:
            torch.set_num_threads(threads)
        try:
            return load(model, device, precision)
        except SettingsError as error:  # no input of a batch can do better
            raise UnusableOption(one_line(error)) from error

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
            summary=(lambda tally: str(named.others)) if named.others.count else None,
            others=named.others,
        )
    )


def _time(text: str | None, setting: str) -> Fraction | None:
    return None if text is None else parsed_time(text, setting)
