"""Options that several commands on files take, each in the same panel of their ``--help``."""

from typing import Annotated

import typer

from predictor.cli.options import DEVICE_HELP, JSON_HELP, OVERWRITE_HELP, PRECISION_HELP

WHERE, ENCODER, HOW = "Where it goes", "How videos are encoded", "How it runs"
"""Panels of ``--help``."""

Overwrite = Annotated[bool, typer.Option("--overwrite", rich_help_panel=WHERE, help=OVERWRITE_HELP)]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", rich_help_panel=WHERE, help="Say what would be done; write nothing."),
]

Codec = Annotated[
    str | None,
    typer.Option(
        metavar="CODEC",
        rich_help_panel=ENCODER,
        show_default="the source's",
        help="A codec or an encoder of FFmpeg, such as h264, hevc, vp9, av1, ffv1 or h264_nvenc.",
    ),
]
Crf = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=0,
        max=63,
        rich_help_panel=ENCODER,
        show_default="visually lossless: 18 for H.264, 20 to 22 for HEVC, VP9, AV1",
        help="Constant quality: lower is better, and a larger file.",
    ),
]
EncoderOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=VALUE",
        rich_help_panel=ENCODER,
        help="An option of that FFmpeg encoder, such as preset=slow; repeatable.",
    ),
]
Lossless = Annotated[
    bool,
    typer.Option(
        "--lossless",
        rich_help_panel=ENCODER,
        help="Encode without loss, with a codec that can, such as h264, hevc, vp9, av1 or ffv1.",
    ),
]

Device = Annotated[str, typer.Option(metavar="DEVICE", rich_help_panel=HOW, help=DEVICE_HELP)]
Precision = Annotated[
    str, typer.Option(metavar="auto|fp32|bf16", rich_help_panel=HOW, help=PRECISION_HELP)
]
AsJson = Annotated[bool, typer.Option("--json", rich_help_panel=HOW, help=JSON_HELP)]
Debug = Annotated[
    bool, typer.Option("--debug", rich_help_panel=HOW, help="Show the traceback of an error.")
]
