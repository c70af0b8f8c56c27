"""The networks that a run releases, with the weights of its best checkpoint."""

import functools
import logging
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
    Checkpoint,
    read_checkpoint,
    restore_newest,
)
from predictor.training.run import Run, opened_run
from predictor.training.starting_state import CLASSES

_logger = logging.getLogger(__name__)


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
    system that is trained in several, which are assembled into one model; the time is that of all,
    and ``iterations_beside`` are theirs.
    Random state is untouched. Raises `UnknownRun` for what is not a run, `DamagedCheckpoint`, and
    `SettingsError` for runs that do not belong together.
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
    networks = dict(system.networks)
    record["iterations_beside"] = []
    trained_in = dict.fromkeys(_trained(system), folder)
    for other in beside:
        its_run, its_system, its_record = _restored(other, systems, best)
        if its_run.system_name != run.system_name:
            raise SettingsError(
                f"{other} is of the system {its_run.system_name!r}, {folder} of {run.system_name!r}"
            )
        _require_alike(
            {"classes of the data": _class_names(record), **system.same_settings},
            {"classes of the data": _class_names(its_record), **its_system.same_settings},
            (folder, other),
        )
        for name in _trained(its_system):
            if name in trained_in:
                raise SettingsError(
                    f"{name} was trained in {trained_in[name]} and in {other}: expected one run "
                    "of each level"
                )
            trained_in[name] = other
        for name in networks.keys() & its_system.networks.keys() - trained_in.keys():
            if not _same(networks[name], its_system.networks[name]):
                raise SettingsError(
                    f"{folder} and {other} were trained on other pictures: their {name} differ"
                )
        networks = {**its_system.networks, **networks}
        record["training_time_s"] += its_record["training_time_s"]
        record["iterations_beside"].append(its_record["iteration"])
    with torch.random.fork_rng(devices=[]):
        released = system.assemble(networks)
    return {name: network.eval() for name, network in released.items()}, run, record


def _same(network: nn.Module, other: nn.Module) -> bool:
    """Return whether the weights are the same, up to the rounding of another machine."""
    theirs = other.state_dict()
    return all(
        torch.allclose(tensor, theirs[name], rtol=1e-3, atol=1e-4)
        for name, tensor in network.state_dict().items()
    )


def _trained(system: System) -> list[str]:
    return [phase.network for phase in system.phases if phase.network is not None]


def _class_names(record: Mapping[str, Any]) -> list[str] | None:
    return record["facts"].get(CLASSES)


def _require_alike(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], runs: tuple[Path, Path]
) -> None:
    for name, value in ours.items():
        if theirs[name] != value:
            raise SettingsError(
                f"{name} of {runs[0]} is {value}, of {runs[1]} {theirs[name]}: runs that are put "
                "together have it alike"
            )


def _restored(
    folder: Path, systems: Mapping[str, SystemEntry], best: bool
) -> tuple[Run, System, dict[str, Any]]:
    """Return a run, its system with the weights of a checkpoint, and the record of that."""
    run = opened_run(folder, systems)
    with torch.random.fork_rng(devices=[]):
        system = run.entry.build(run.settings)
    restore = functools.partial(_restore_networks, system)
    path = run.checkpoints / BEST
    if best and path.exists():
        checkpoint = read_checkpoint(path)
        restore(checkpoint)
    else:
        checkpoint = restore_newest(run.checkpoints, restore)
    if best and system.best_by is not None and not path.exists():
        _logger.warning(
            "%s has not chosen its best weights by validation yet: the newest are taken, after %d "
            "of %d iterations",
            folder,
            checkpoint.record["iteration"],
            run.settings.iterations,
        )
    return run, system, checkpoint.record


def _restore_networks(system: System, checkpoint: Checkpoint) -> None:
    """Give the networks the weights in `checkpoint`, their averages where they have one."""
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
            raise DamagedCheckpoint(
                f"{checkpoint.path} does not fit the network {name!r}: {error}"
            ) from error
        network.eval()
