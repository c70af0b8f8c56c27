"""What a run leaves for others: the network that people run, as its best checkpoint has it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from predictor.errors import DamagedCheckpoint
from predictor.systems.entry import SystemEntry
from predictor.training.checkpoint import (
    BEST,
    checkpoints_newest_first,
    read_checkpoint,
)
from predictor.training.loop import Run, opened_run


def trained_network(
    folder: Path, systems: Mapping[str, SystemEntry], *, best: bool = True
) -> tuple[nn.Module, Run, dict[str, Any]]:
    """Return the network that the run in `folder` releases, the run, and the checkpoint's record.

    It is the average of the weights where one is kept, in evaluation mode on the CPU, from the best
    checkpoint by validation; from the newest where none was validated or ``best=False``. The record
    holds ``iteration``, ``best``, ``training_time_s`` and ``facts``. Random state is untouched.
    Raises `UnknownRun` for what is not a run and `DamagedCheckpoint`.
    """
    run = opened_run(folder, systems)
    path = run.checkpoints / BEST
    if not best or not path.exists():
        paths = checkpoints_newest_first(run.checkpoints)
        if not paths:
            raise DamagedCheckpoint(f"{run.checkpoints} holds no checkpoint")
        path = paths[0]
    checkpoint = read_checkpoint(path)
    with torch.random.fork_rng():
        system = run.entry.build(run.settings)
    name, network = system.release, system.networks[system.release]
    prefix = f"{'averages' if name in system.averages else 'networks'}/{name}/"
    weights = {
        key.removeprefix(prefix): tensor
        for key, tensor in checkpoint.tensors.items()
        if key.startswith(prefix)
    }
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise DamagedCheckpoint(f"{path} does not fit the network {name!r}: {error}") from error
    return network.eval(), run, checkpoint.record
