"""Options that several commands take, in the same panels of their ``--help``."""

from typing import Annotated

import typer

WHERE, ENCODER, HOW = "Where it goes", "How videos are encoded", "How it runs"
"""Panels of ``--help``."""

Overwrite = Annotated[
    bool, typer.Option("--overwrite", rich_help_panel=WHERE, help="Replace what is there.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", rich_help_panel=WHERE, help="Say what would be done.")
]

Codec = Annotated[
    str | None,
    typer.Option(rich_help_panel=ENCODER, show_default="the source's", help="As FFmpeg names it."),
]
Crf = Annotated[
    int | None,
    typer.Option(min=0, max=63, rich_help_panel=ENCODER, help="Quality; lower is better."),
]
EncoderOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=VALUE", rich_help_panel=ENCODER, help="Passed to the encoder; repeatable."
    ),
]
Lossless = Annotated[
    bool, typer.Option("--lossless", rich_help_panel=ENCODER, help="Encode without loss.")
]

Device = Annotated[str, typer.Option(rich_help_panel=HOW, help="auto, cpu, cuda, cuda:1, mps.")]
Precision = Annotated[str, typer.Option(rich_help_panel=HOW, help="auto, fp32 or bf16.")]
AsJson = Annotated[
    bool, typer.Option("--json", rich_help_panel=HOW, help="Print one JSON document.")
]
Debug = Annotated[
    bool, typer.Option("--debug", rich_help_panel=HOW, help="Show tracebacks of errors.")
]
