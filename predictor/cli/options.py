"""Options that several commands take."""

from typing import Annotated

import typer

Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1.")]
Precision = Annotated[str, typer.Option(help="auto, fp32 or bf16.")]
Model = Annotated[str, typer.Argument(help="A bundled model's name, or a weights file.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document instead of the table.")
]
