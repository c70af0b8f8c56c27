"""The one abstraction: a system is named networks and an ordered list of phases."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from torch import Tensor, nn

if TYPE_CHECKING:
    from predictor.systems.entry import TrainingDataset

Batch = Mapping[str, Tensor]
"""One minibatch by field name; the first axis of every tensor counts the examples."""

Networks = Mapping[str, nn.Module]


@dataclass(frozen=True)
class PhaseLoss:
    """What one evaluation of a phase's loss returns."""

    terms: Mapping[str, Tensor]
    """Scalar terms by name, already weighted; the loss is their sum and the log shows each.

    Of a discriminator, what it errs on real examples and on made ones is called ``real`` and
    ``fake``: the loop warns where both are gone.
    """

    outputs: Mapping[str, Tensor] = field(default_factory=dict)
    """What a later phase that draws from this one may reuse; the loop detaches them."""


class LossFunction(Protocol):
    """The loss of a phase.

    What it draws for examples comes from `predictor.draws`, `drawn_latents` included, and is that
    of the whole batch under data-parallel training too; what layers draw, such as dropout, from the
    global state, which the loop seeds for each rank.
    """

    def __call__(self, networks: Networks, batch: Batch, earlier: Batch) -> PhaseLoss:
        """Return the loss on `batch`; `earlier` holds outputs of the phase drawn from, or none."""


@dataclass(frozen=True)
class Optimizer:
    """How a phase updates its network."""

    kind: Literal["adam", "adamw", "sgd"]
    learning_rate: float
    momentum: float = 0.0  # sgd
    betas: tuple[float, float] = (0.9, 0.999)  # adam, adamw
    epsilon: float = 1e-8  # adam, adamw
    has_epsilon_under_root: bool = False
    """Whether adam adds epsilon to the second moment, not to its root."""
    weight_decay: float = 0.0
    gradient_norm_limit: float | None = None
    learning_rate_factor: Callable[[int], float] | None = None
    """Factor on `learning_rate` at an iteration (0-based); None keeps it constant."""
    momentum_at: Callable[[int], float] | None = None
    """Momentum of sgd at an iteration (0-based); None keeps `momentum`."""
    is_dampened: bool = False
    """Whether a gradient enters the velocity of sgd weighted by 1 - momentum."""


@dataclass(frozen=True)
class Phase:
    """Update exactly one network by one loss with one optimizer, each time on a batch of its own.

    A phase of no network only measures: its terms are there for the conditions of those after it.
    `draws_from` names an earlier phase whose batch and detached outputs are used instead of a new
    batch, if that phase ran in the same iteration. `when` decides from the iteration and the last
    values of the loss terms (keys ``"<phase>/<term>"``) whether the phase runs at all.
    """

    name: str
    network: str | None
    loss: LossFunction
    optimizer: Optimizer | None
    repeats: int = 1
    draws_from: str | None = None
    when: Callable[[int, Mapping[str, float]], bool] | None = None


@dataclass(frozen=True)
class System:
    """Named networks, the phases of one iteration, and what can be done with the result.

    State that the losses own, such as a reference batch or a historical average, is the buffers of
    a network that no phase updates: it moves to the device and into checkpoints with the others.

    `averages` gives the decay per iteration of the exponential average that a network keeps: one
    number, or what it is at an iteration (0-based).
    `update` is ``"in_turn"`` (each phase sees the networks that the phases before it left) or
    ``"together"`` (all gradients are taken before any network changes).
    `validate` returns named numbers, units in the names, for networks in evaluation mode (the
    averages where kept); `best_by` names the one that chooses the best checkpoint and whether
    ``"max"`` or ``"min"`` is best, None takes the last. `preview` writes pictures into a folder.
    `release` names the network that people run, `companions` those that are released beside it,
    each in a file of its own; where those are put together of several, also of other runs of the
    system, `assemble` does that and names them, the one that people run first. `prepare` sets what
    depends on the training data, such as a bias or a mean, once before the first iteration.
    """

    networks: Mapping[str, nn.Module]
    phases: tuple[Phase, ...]
    release: str
    validate: Callable[[Networks, Iterable[Batch]], dict[str, float]]
    best_by: tuple[str, Literal["max", "min"]] | None
    preview: Callable[[Networks, Batch, Path], None]
    averages: Mapping[str, float | Callable[[int], float]] = field(default_factory=dict)
    update: Literal["in_turn", "together"] = "in_turn"
    companions: tuple[str, ...] = ()
    assemble: Callable[[Networks], Mapping[str, nn.Module]] | None = None
    prepare: "Callable[[Networks, TrainingDataset], None] | None" = None

    def __post_init__(self) -> None:
        names = [phase.name for phase in self.phases]
        if len(set(names)) != len(names):
            raise ValueError(f"two phases have one name: {names}")
        if self.update == "together" and any(phase.repeats != 1 for phase in self.phases):
            raise ValueError("phases that update together cannot repeat")
        for phase in self.phases:
            if (phase.network is None) != (phase.optimizer is None):
                raise ValueError(f"{phase.name!r}: a network and an optimizer, or none of them")
        updated = [phase.network for phase in self.phases if phase.network is not None]
        if len(set(updated)) != len(updated):
            raise ValueError(f"two phases update one network: {updated}")
        for name in (*updated, *self.averages, self.release, *self.companions):
            if name not in self.networks:
                raise ValueError(f"no network {name!r}; there are {sorted(self.networks)}")
        seen: set[str] = set()
        for phase in self.phases:
            if phase.draws_from is not None and phase.draws_from not in seen:
                raise ValueError(f"{phase.name!r} draws from {phase.draws_from!r}, not before it")
            seen.add(phase.name)
