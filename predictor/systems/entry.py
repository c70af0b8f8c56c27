"""What a row of the table `SYSTEMS` is made of."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from predictor.systems.phases import Batch, System
from predictor.systems.settings import RunSettings


class TrainingDataset(Protocol):
    """Examples that depend on nothing but their key.

    One with an attribute ``is_shuffled`` that is true is asked for the examples of an epoch from
    the first to the last: their order is its own affair. One with a method ``__getitems__`` makes a
    whole batch of a list of keys, which is faster.
    """

    def __len__(self) -> int:
        """Return the number of examples in an epoch."""

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Tensor]:
        """Return example `index` of `epoch` for the key ``(epoch, index)``, without a batch axis.

        Runs in several processes in any order, so it draws from a generator of its own that is
        seeded by the run's seed and the key. The object is pickled once for each process.
        """


@dataclass(frozen=True)
class TrainingData:
    """The data of a run, split."""

    train: TrainingDataset
    validation: Iterable[Batch]
    """Batches, the same ones in the same order each time they are iterated."""
    skipped: list[str] = field(default_factory=list)
    """What could not be used, one line each."""
    class_names: tuple[str, ...] | None = None
    """By label, where a network tells them."""


class OpenData(Protocol):
    """How a system finds its examples."""

    def __call__(self, settings: Any, path: Path, run: Path | None = None) -> TrainingData:
        """Return the data at `path`, which the user gave.

        What was found out about it may be kept in the folder `run` and used again by a resumed run.
        """


@dataclass(frozen=True)
class SystemEntry:
    """A system as the training loop and the command line see it.

    `build` returns fresh networks whose weights depend on the seed that the caller has set.
    """

    settings: type[RunSettings]
    build: Callable[[Any], System]
    open_data: OpenData
