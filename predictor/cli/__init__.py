"""The commands around training, one a file: train, resume, sample, evaluate, …."""

import typer

from predictor.cli.classify import classify
from predictor.cli.encode import encode
from predictor.cli.evaluate import evaluate
from predictor.cli.export import export
from predictor.cli.features import features
from predictor.cli.probe import probe
from predictor.cli.reproduce import reproduce
from predictor.cli.resume import resume
from predictor.cli.sample import sample
from predictor.cli.train import train

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)

for _command in (
    train,
    resume,
    sample,
    classify,
    encode,
    evaluate,
    features,
    probe,
    reproduce,
    export,
):
    app.command(rich_help_panel="Training")(_command)
