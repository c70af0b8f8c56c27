"""A row of the table `SYSTEMS`: the settings, networks and data of a system."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from predictor.systems.phases import Batch, System, TrainingDataset
from predictor.systems.settings import RunSettings

MORE_WORKERS = "more processes that load, by --set workers=N, may help"


@dataclass(frozen=True)
class TrainingData:
    """The data of a run, split."""

    train: TrainingDataset
    validation: Iterable[Batch]
    """Batches, the same ones in the same order each time they are iterated."""
    skipped: list[str] = field(default_factory=list)
    """Files and folders that could not be used, one line each."""
    class_names: tuple[str, ...] | None = None
    """Name of each label, where a network takes or tells classes."""
    digest: str | None = None
    """What changes when the examples do, but not when they are moved; None where that is not told.
    A run that is resumed with others says so."""
    held_out: str | None = None
    """The same of the examples of `validation`. A run that is resumed with others looks for its
    best weights anew."""
    pictures: str | None = None
    """The same of what the pictures show; `digest` may be of their names and labels alone."""
    drawn_labels: str | None = None
    """The same of the examples whose labels were drawn to be used: a run cannot go on with
    others."""
    loading_remedy: str = MORE_WORKERS
    """What helps a run that waits for its data, in words."""


class OpenData(Protocol):
    """Opens the data of a system."""

    def __call__(self, settings: Any, path: Path, run: Path | None = None) -> TrainingData:
        """Return the data at `path`, as the user named it.

        Indexes and decoded pictures may be cached in the folder `run` for when it is resumed.
        """


@dataclass(frozen=True)
class SystemEntry:
    """A system as the training loop and the command line see it.

    `build` returns fresh networks whose weights depend on the seed that the caller has set.
    """

    settings: type[RunSettings]
    build: Callable[[Any], System]
    open_data: OpenData
    usage: str = "predictor sample {name} -o samples.png"
    """How a model called ``{name}`` is used, for its card."""
    evaluation: Literal["frames", "inpaint", "classification", "codes", "images"] = "images"
    """How ``predictor evaluate`` measures a model; ``images``: by the pictures that it generates,
    ``codes``: by what it reads from pictures, too."""
