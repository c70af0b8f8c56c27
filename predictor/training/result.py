"""What a run leaves for others: the networks that it releases, as its best checkpoint has them."""

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
from predictor.training.run import Run, opened_run


def trained_networks(
    folder: Path, systems: Mapping[str, SystemEntry], *, best: bool = True
) -> tuple[dict[str, nn.Module], Run, dict[str, Any]]:
    """Return the networks that the run in `folder` releases, the run, and the checkpoint's record.

    The first is the one that people run, the others are its companions, by name. Each is the
    average of the weights where one is kept, in evaluation mode on the CPU, from the best
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
    released = {name: system.networks[name] for name in (system.release, *system.companions)}
    for name, network in released.items():
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
        network.eval()
    return released, run, checkpoint.record
