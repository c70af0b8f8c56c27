"""The networks that a run releases, with the weights of its best checkpoint."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from predictor.errors import DamagedCheckpoint, SettingsError
from predictor.systems.entry import SystemEntry
from predictor.systems.phases import System
from predictor.training.checkpoint import (
    BEST,
    checkpoints_newest_first,
    read_checkpoint,
)
from predictor.training.run import Run, opened_run


def trained_networks(
    folder: Path,
    systems: Mapping[str, SystemEntry],
    *,
    best: bool = True,
    beside: Sequence[Path] = (),
) -> tuple[dict[str, nn.Module], Run, dict[str, Any]]:
    """Return the networks that the run in `folder` releases, the run, and the checkpoint's record.

    Networks are by name, the one that people run first, then its companions; on the CPU, in
    evaluation mode, averaged where the system keeps an average. They are from the best checkpoint
    by validation, or from the newest if there is none or with ``best=False``. The record holds
    ``iteration``, ``best``, ``training_time_s`` and ``facts``. `beside` are further runs of a
    system that is trained in several, which are assembled into one model. Random state is
    untouched. Raises `UnknownRun` for what is not a run, `DamagedCheckpoint`, and `SettingsError`
    for runs that do not belong together.
    """
    run, system, record = _restored(folder, systems, best)
    if system.assemble is None:
        if beside:
            raise SettingsError(
                f"{folder} is of the system {run.system_name!r}, which is trained in one run: "
                f"{beside[0]} cannot be added to it"
            )
        names = (system.release, *system.companions)
        return {name: system.networks[name] for name in names}, run, record
    networks: dict[str, nn.Module] = {}
    for other in beside:
        its_run, its_system, _ = _restored(other, systems, best)
        if its_run.system_name != run.system_name:
            raise SettingsError(
                f"{other} is of the system {its_run.system_name!r}, {folder} of {run.system_name!r}"
            )
        networks |= its_system.networks
    with torch.random.fork_rng(devices=[]):
        released = system.assemble({**networks, **system.networks})
    return {name: network.eval() for name, network in released.items()}, run, record


def _restored(
    folder: Path, systems: Mapping[str, SystemEntry], best: bool
) -> tuple[Run, System, dict[str, Any]]:
    """Return a run, its system with the weights of a checkpoint, and the record of that."""
    run = opened_run(folder, systems)
    path = run.checkpoints / BEST
    if not best or not path.exists():
        paths = checkpoints_newest_first(run.checkpoints)
        if not paths:
            raise DamagedCheckpoint(f"{run.checkpoints} holds no checkpoint")
        path = paths[0]
    checkpoint = read_checkpoint(path)
    with torch.random.fork_rng(devices=[]):
        system = run.entry.build(run.settings)
    for name, network in system.networks.items():
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
    return run, system, checkpoint.record
