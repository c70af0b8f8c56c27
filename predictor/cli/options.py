"""Arguments and options that several commands take, so that their help reads the same."""

from collections.abc import Sequence
from typing import Annotated

import typer

MODEL_HELP = (
    "A bundled model (see `predictor models`), a weights file, or a folder that "
    "`predictor export` wrote."
)
ENCODER_HELP = f"{MODEL_HELP} Also the folder of weights that the authors of DCGAN released."
PICTURE_FORMATS = (
    "a folder of pictures or of class folders, a tar archive of one, an NPZ file, IDX (MNIST), "
    "MAT (SVHN) or CIFAR batches"
)
RUN_HELP = "The folder of the run, as given to `predictor train -o`."
HARMLESS_SETTING_HELP = (
    "Change a setting that does not change the result: device, threads, workers, "
    "checkpoint_every, …; repeatable."
)
DEVICE_HELP = "Where to compute: auto (a CUDA GPU, else the CPU), cpu, cuda, cuda:1, mps."
PRECISION_HELP = "Number format of the network; auto: bf16 where the device is fast at it."
JSON_HELP = "Print the result as one JSON document."
OVERWRITE_HELP = "Replace an output that exists already."

Model = Annotated[str, typer.Argument(metavar="MODEL", help=MODEL_HELP)]
Encoder = Annotated[str, typer.Argument(metavar="MODEL", help=ENCODER_HELP)]
Device = Annotated[str, typer.Option(metavar="DEVICE", help=DEVICE_HELP)]
Precision = Annotated[str, typer.Option(metavar="auto|fp32|bf16", help=PRECISION_HELP)]
Overwrite = Annotated[bool, typer.Option("--overwrite", help=OVERWRITE_HELP)]
AsJson = Annotated[bool, typer.Option("--json", help=JSON_HELP)]


def with_others(model: str, others: Sequence[str] | None) -> list[str]:
    """Return the names of `model` and of those that ``--with`` adds, each another model."""
    names = [model, *(others or [])]
    if len(set(names)) < len(names):
        raise typer.BadParameter("--with names a model that is given already, expected another")
    return names
