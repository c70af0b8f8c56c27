"""The state that a run starts from: fresh weights, those of a model, or a checkpoint."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from predictor.errors import DamagedCheckpoint, SettingsError, UnusableData
from predictor.gathering import unshared
from predictor.systems.entry import TrainingData
from predictor.systems.phases import System, TrainingDataset
from predictor.training.checkpoint import Checkpoint, checkpoints_newest_first, restore_newest
from predictor.training.code_version import code_version
from predictor.training.distributed import Ranks
from predictor.training.hardware import Hardware
from predictor.training.order import derived_seed
from predictor.training.run import Run
from predictor.training.settings import require_same_run, validated_settings
from predictor.training.state import TrainingState

_logger = logging.getLogger(__name__)

CLASSES, DATA, PICTURES = "classes", "data", "pictures"
HELD_OUT, DRAWN_LABELS = "held_out", "drawn_labels"
"""Facts of the data: as `TrainingData` has them. Early runs lack `PICTURES` and `HELD_OUT`."""
COMMIT = "commit"
"""The fact that names the code; other code need not compute otherwise, so it is not compared."""


def built_state(
    run: Run,
    hardware: Hardware,
    initial_weights: Mapping[str, Tensor] | None = None,
    examples: TrainingDataset | None = None,
) -> TrainingState:
    """Return the state before the first iteration.

    The weights depend on the seed alone, and on `examples` if the system prepares its networks with
    them. Raises `SettingsError` for `initial_weights` of another network.
    """
    torch.manual_seed(derived_seed(run.settings.seed, "build"))
    system = run.entry.build(run.settings)
    if examples is not None and system.prepare is not None:
        with unshared():  # every rank looks at the same examples
            system.prepare(system.networks, examples)
    if initial_weights is not None:
        _start_from(system, initial_weights)
    return TrainingState(system, hardware)


def run_facts(hardware: Hardware, ranks: Ranks, data: TrainingData) -> dict[str, Any]:
    """Return what a checkpoint tells of the machine, the program and the data."""
    told = {
        CLASSES: None if data.class_names is None else list(data.class_names),
        DATA: data.digest,
        HELD_OUT: data.held_out,
        PICTURES: data.pictures,
        DRAWN_LABELS: data.drawn_labels,
    }
    return {
        **hardware.facts(),
        COMMIT: code_version(),
        "ranks": ranks.size,
        "examples": len(data.train),
        **{name: value for name, value in told.items() if value is not None},
    }


def restored_draws(run: Run, state: TrainingState, facts: Mapping[str, Any]) -> int:
    """Restore the newest whole checkpoint into `state`; return how many batches had been drawn.

    A warning names each of the `facts` that was another when the checkpoint was written. Where the
    data of validation were others, the best weights are looked for anew. Raises
    `DamagedCheckpoint`, `SettingsError` for a checkpoint of another run, and `UnusableData` where
    labels mean other classes now.
    """
    if not checkpoints_newest_first(run.checkpoints):
        if run.begun_from is not None:
            raise DamagedCheckpoint(
                f"{run.checkpoints} holds no checkpoint, and the run began with the weights of "
                f"{run.begun_from}: train anew with --init-from in another folder"
            )
        _logger.warning(
            "%s holds no checkpoint: the run begins anew from its first iteration", run.checkpoints
        )
        return 0

    def restored(checkpoint: Checkpoint) -> None:
        kind = run.entry.settings
        require_same_run(validated_settings(kind, checkpoint.record["settings"]), run.settings)
        try:
            state.restore(checkpoint.tensors, checkpoint.record)
        except DamagedCheckpoint as error:
            raise DamagedCheckpoint(f"{checkpoint.path} does not fit: {error}") from error

    record = restore_newest(run.checkpoints, restored).record
    of_then = record["facts"]
    _require_same_classes(run, of_then.get(CLASSES), facts.get(CLASSES))
    if DRAWN_LABELS in of_then and of_then[DRAWN_LABELS] != facts.get(DRAWN_LABELS):
        raise UnusableData(
            f"the pictures of {run.data} or their labels have changed, so that the labels drawn "
            f"are not those that the run {run.folder} has learnt from: train anew in another folder"
        )
    if HELD_OUT in of_then and of_then[HELD_OUT] != facts.get(HELD_OUT):
        state.best = None
        _logger.warning(
            "the part of %s that validation looks at is not that of before: the run goes on, and "
            "the best weights are looked for anew",
            run.data,
        )
    if any(name in of_then and of_then[name] != facts.get(name) for name in (DATA, PICTURES)):
        _logger.warning(
            "the data in %s are not those of before: the run goes on with them",
            run.data,
        )
    for name, before in of_then.items():
        is_compared = name not in (COMMIT, DATA, PICTURES, HELD_OUT, DRAWN_LABELS)
        if is_compared and before != facts.get(name):
            _logger.warning(
                "%s was %s and is %s now: the run goes on, but not bit for bit",
                name,
                before,
                facts.get(name),
            )
    return int(record["drawn"])


def _require_same_classes(
    run: Run, before: Sequence[str] | None, now: Sequence[str] | None
) -> None:
    """Compare what labels mean, as far as the data of then and of now say it."""
    for label, (was, name) in enumerate(zip(before or (), now or (), strict=False)):
        if was != name:
            raise UnusableData(
                f"class {label} of {run.data} is {name!r}, of the run {run.folder} it is {was!r}: "
                "what it has learnt of one would be put to the other"
            )


def _start_from(system: System, weights: Mapping[str, Tensor]) -> None:
    network = system.networks[system.release]
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    for name in [*expected, *found]:
        ours, theirs = expected.get(name), found.get(name)
        if ours != theirs:
            raise SettingsError(
                f"--init-from: the model is another network than {system.release!r} of these "
                f"settings: {name!r} is {theirs or 'missing'} in the model, {ours or 'missing'} in "
                "the network"
            )
    units = {  # those of the data at hand, which `prepare` has given all networks
        name: tensor for name, tensor in network.state_dict().items() if name.startswith("units.")
    }
    network.load_state_dict({**weights, **units})
