"""The one abstraction: a system is named networks and an ordered list of phases."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from torch import Tensor, nn

Batch = Mapping[str, Tensor]
"""One minibatch by field name; the first axis of every tensor counts the examples."""

Networks = Mapping[str, nn.Module]

VARIANCE_SHARE = "made_variance_share"
"""The validation score of a generator by which the loop warns that all samples are alike: the
variance of their pixels as a share of that of real pictures."""


class TrainingDataset(Protocol):
    """Examples each of which is a function of its key and the run's seed.

    A dataset whose attribute ``is_shuffled`` is true is visited from the first example to the last
    in every epoch, because it shuffles by itself. One with a method ``__getitems__`` returns a
    whole batch for a list of keys, which is faster. One whose attribute ``is_quick`` is true makes
    a batch in less time than another process would take to hand it over, so none is started by
    default.
    """

    def __len__(self) -> int:
        """Return the number of examples in an epoch."""

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Tensor]:
        """Return example `index` of `epoch` for the key ``(epoch, index)``, without a batch axis.

        Called in several processes in any order, so random draws must come from a generator that is
        seeded by the run's seed and the key. The object is pickled once for each process.
        """


@dataclass(frozen=True)
class PhaseLoss:
    """The value of a phase's loss."""

    terms: Mapping[str, Tensor]
    """Scalar terms by name, already weighted; the loss is their sum and the log shows each.

    A discriminator's terms on real and on generated examples are named ``real`` and ``fake``, so
    that the loop can warn when both vanish.
    """

    outputs: Mapping[str, Tensor] = field(default_factory=dict)
    """Tensors for later phases that draw from this one; the loop detaches them."""


class LossFunction(Protocol):
    """The loss of a phase.

    Random numbers that belong to examples, such as latents, must be drawn by `predictor.draws`
    (`drawn_latents` does), so that data-parallel ranks together draw what one process would. Layers
    such as dropout draw from the global state, which the loop seeds for each rank.
    """

    def __call__(self, networks: Networks, batch: Batch, earlier: Batch) -> PhaseLoss:
        """Return the loss on `batch`; `earlier` has the outputs of the phase that it draws from."""


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
    """An update of exactly one network by one loss with one optimizer.

    A phase runs `repeats` times in an iteration, each time on a new batch. `draws_from` names an
    earlier phase whose batch and outputs all of them use instead, if it ran in this iteration. A
    phase without a network only measures its loss, for the conditions of later phases. `when`
    decides from the iteration (0-based) and the latest loss terms (``"<phase>/<term>"``) whether
    the phase runs; without it, it always does.
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

    State that the losses own, such as a reference batch or a historical average, is kept as buffers
    of a network that no phase updates: so it moves to the device and into checkpoints.
    """

    networks: Mapping[str, nn.Module]
    phases: tuple[Phase, ...]
    release: str
    """The network that people run."""
    validate: Callable[[Networks, Iterable[Batch]], dict[str, float]]
    """Returns numbers by name, units in the names. Networks are in evaluation mode, and the
    averages where such are kept."""
    best_by: tuple[str, Literal["max", "min"]] | None
    """Which of those numbers selects the best checkpoint, and which end is best; None: the last."""
    preview: Callable[[Networks, Batch, Path], None]
    """Writes pictures into a folder."""
    averages: Mapping[str, float | Callable[[int], float]] = field(default_factory=dict)
    """Networks that keep an exponential average of their weights, with the decay per iteration, or
    a function of the iteration (0-based)."""
    update: Literal["in_turn", "together"] = "in_turn"
    """``in_turn``: each phase sees the networks as the phases before it left them. ``together``:
    all gradients are taken before any network changes."""
    companions: tuple[str, ...] = ()
    """Networks released beside `release`, each in a file of its own."""
    assemble: Callable[[Networks], Mapping[str, nn.Module]] | None = None
    """Makes the released networks out of the trained ones, also of several runs, and names them;
    the first is the one that people run. None: they are released as they are."""
    same_settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings, by name, that must be equal in the runs that `assemble` is given networks of."""
    prepare: Callable[[Networks, TrainingDataset], None] | None = None
    """Sets what depends on the training data, such as a bias or a mean, before iteration 0."""
    share_multiple: int = 1
    """Each rank's share of a batch must be a multiple of this many examples."""

    def __post_init__(self) -> None:
        names = [phase.name for phase in self.phases]
        if len(set(names)) != len(names):
            raise ValueError(f"two phases have one name: {names}")
        if self.update == "together" and any(phase.repeats != 1 for phase in self.phases):
            raise ValueError("phases that update together cannot repeat")
        for phase in self.phases:
            if (phase.network is None) != (phase.optimizer is None):
                raise ValueError(
                    f"phase {phase.name!r} has one of network and optimizer, expected both or none"
                )
        updated = [phase.network for phase in self.phases if phase.network is not None]
        if len(set(updated)) != len(updated):
            raise ValueError(f"two phases update one network: {updated}")
        for name in (*updated, *self.averages, self.release, *self.companions):
            if name not in self.networks:
                raise ValueError(f"no network {name!r}; there are {sorted(self.networks)}")
        seen: set[str] = set()
        for phase in self.phases:
            if phase.draws_from is not None and phase.draws_from not in seen:
                raise ValueError(
                    f"phase {phase.name!r} draws from {phase.draws_from!r}, which is not before it"
                )
            seen.add(phase.name)
