"""`predictor inpaint`: its options, what it prints, and its exit code."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.encoder_options import encoding_options
from pipelines.inpaint.format import SUFFIXES, format_of_output
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
from pipelines.results import Tally, one_line
from predictor.cli.options import MODEL_HELP
from predictor.errors import SettingsError, UnsupportedCodec
from predictor.wording import counted

if TYPE_CHECKING:
    from pipelines.inpaint.sources import Sources
    from predictor.media.photographs.photograph import Format

_WHAT = "What is filled"
_FARTHEST_PX = 100_000
_ANY_MEGAPIXELS = 1e9
_FORMATS: dict[str, "Format"] = {
    "keep": "keep",
    "png": "png",
    "jpg": "jpeg",
    "webp": "webp",
    "tiff": "tiff",
}


def _distance(meaning: str) -> Any:
    return typer.Option(metavar="PX", min=0, max=_FARTHEST_PX, rich_help_panel=_WHAT, help=meaning)


def inpaint(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="IN",
            help="Photographs, videos, folders of them (subfolders included), or globs.",
            show_default=False,
        ),
    ],
    mask: Annotated[
        str,
        typer.Option(
            metavar="MASK",
            rich_help_panel=_WHAT,
            show_default=False,
            help="What to fill, in the picture as it is displayed: a picture whose white is "
            "filled, for all inputs; a folder with one such picture per input (at the same place "
            "in it, else by name alone); alpha (transparent pixels); color:#ff00ff (pixels of that "
            "colour; color:#ff00ff,20 if no channel differs by more than 20 of 255); "
            "box:X,Y,WIDTH,HEIGHT (in pixels or %); center:0.5 (the middle, half as wide and "
            "high).",
        ),
    ],
    invert_mask: Annotated[
        bool,
        typer.Option(
            "--invert-mask", rich_help_panel=_WHAT, help="Fill black, and keep what is white."
        ),
    ] = False,
    resize_mask: Annotated[
        bool,
        typer.Option(
            "--resize-mask",
            rich_help_panel=_WHAT,
            help="Stretch masks of another size than their input; else they are an error.",
        ),
    ] = False,
    dilate: Annotated[int, _distance("Also fill so many pixels around each hole.")] = 0,
    feather: Annotated[
        int, _distance("Blend from filled to known over so many pixels around that.")
    ] = 0,
    model: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            rich_help_panel=_WHAT,
            help=f"{MODEL_HELP} telea and navier-stokes are OpenCV's classical methods.",
        ),
    ] = "inpaint",
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE|DIR",
            rich_help_panel=WHERE,
            show_default="beside IN: NAME.filled.EXT, or a folder NAME.filled",
            help="The file to write, or a folder, which has no suffix; for a folder or several "
            "inputs a folder, in which subfolders are kept.",
        ),
    ] = None,
    to_format: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="|".join(_FORMATS),
            rich_help_panel=WHERE,
            help="File format of photographs; keep: that of each input.",
        ),
    ] = "keep",
    quality: Annotated[
        str,
        typer.Option(
            metavar="keep|N",
            rich_help_panel=WHERE,
            help="Quality of JPEG and WebP, 1 to 100; keep: that of each input. A number has the "
            "whole picture encoded again.",
        ),
    ] = "keep",
    codec: Codec = None,
    crf: Crf = None,
    encoder_option: EncoderOption = None,
    lossless: Lossless = False,
    keep_time: Annotated[
        bool,
        typer.Option(
            "--keep-time",
            rich_help_panel=WHERE,
            help="Give each output the modification time of its input.",
        ),
    ] = False,
    preview: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            rich_help_panel=WHERE,
            help="Fill only the first N inputs, and write a sheet that shows the photographs among "
            "them before and after.",
        ),
    ] = None,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            rich_help_panel=WHERE,
            help="Compare each photograph with its output, decoded again, and write none that "
            "changes what it promises to keep. Photographs done before are compared too.",
        ),
    ] = False,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    device: Device = "auto",
    precision: Precision = "auto",
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            rich_help_panel=HOW,
            show_default="one per core, at most 4 on a GPU",
            help="Photographs filled at the same time, each in its own process; up to 8 "
            "photographs are filled in one process.",
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            rich_help_panel=HOW,
            show_default="the cores, shared among the workers",
            help="Processor threads of each worker.",
        ),
    ] = None,
    max_megapixels: Annotated[
        float,
        typer.Option(
            metavar="MP",
            min=0.01,
            rich_help_panel=HOW,
            help="Refuse photographs of more than so many million pixels.",
        ),
    ] = 250,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Fill holes in photographs and videos, and leave everything else in the files as it is.

    In a video the same hole is filled in every frame, such as a logo or a time stamp; what other
    frames show there is used first.

    A folder of outputs gets a manifest, inpaint.jsonl: the same command again does only what is
    left to do. With --overwrite it does everything again.
    """
    from pipelines.inpaint.batch import inpainted
    from pipelines.inpaint.masks import MaskSettings
    from pipelines.inpaint.request import InpaintSettings, require_usable, usual_workers
    from pipelines.inpaint.sources import named_sources
    from pipelines.reports import reported
    from predictor.media.photographs.photograph import Saving

    form = _format(to_format)
    named = named_sources(inputs, output, [Path(mask)], SUFFIXES.get(form))
    named.check()
    settings = InpaintSettings(
        mask=mask,
        model=model,
        device=device,
        precision=precision,
        threads=threads,
        mask_settings=MaskSettings(invert_mask, resize_mask, dilate, feather),
        encoding=encoding_options(codec, crf, encoder_option or [], lossless),
        saving=Saving(_format_of_output(named, form), _quality(quality)),
        most_pixels=round(min(max_megapixels, _ANY_MEGAPIXELS) * 1e6),
        verify=verify,
        keep_time=keep_time,
        overwrite=overwrite,
        shows_frames=not named.is_batch and next(iter(named)).is_video,
    )
    require_usable(settings)
    code = reported(
        inpainted(
            named, settings, workers or usual_workers(settings), preview=preview, is_planned=dry_run
        ),
        is_batch=named.is_batch,
        as_json=as_json,
        debug=debug,
        summary=partial(_summary, named)
        if (named.is_batch or named.folder) and not dry_run
        else None,
        others=named.others,
    )
    raise typer.Exit(code)


def _format(name: str) -> "Format":
    if name not in _FORMATS:
        raise typer.BadParameter(f"--format is {name!r}, expected {', '.join(_FORMATS)}")
    return _FORMATS[name]


def _format_of_output(named: "Sources", form: "Format") -> "Format":
    """Return the format that the one output is named after, `form` where there are others.

    Of a video it is the container, which need not be that of the input.
    """
    if named.output is None or named.folder is not None:
        return form
    try:
        if next(iter(named)).is_video:
            from predictor.media.codecs import container_for

            container_for(named.output)
            return form
        return format_of_output(named.output, named.names[0], form)
    except (SettingsError, UnsupportedCodec) as error:
        raise typer.BadParameter(one_line(error)) from error


def _quality(text: str) -> int | None:
    if text == "keep":
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 100):
        raise typer.BadParameter(f"--quality is {text!r}, expected keep or 1 to 100")
    return int(text)


def _summary(named: "Sources", tally: Tally) -> str:
    filled = tally.count - tally.failed - tally.was_done_before - tally.left_as_is
    parts = [f"{filled} filled"]
    if tally.left_as_is:
        parts.append(f"{tally.left_as_is} with nothing to fill")
    if tally.was_done_before:
        parts.append(f"{tally.was_done_before} done before")
    if tally.failed:
        parts.append(f"{tally.failed} failed")
    if named.others.count:
        parts.append(str(named.others))
    if named.outputs:
        parts.append(f"{counted(named.outputs, 'earlier output')} left out")
    if named.manifest is None or not named.manifest.exists():  # there was nothing to begin with
        return ", ".join(parts)
    return f"{', '.join(parts)}; see {named.manifest}"
