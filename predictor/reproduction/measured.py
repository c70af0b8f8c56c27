"""What a protocol, the test that a paper used, is given and what it returns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from torch import nn

from predictor.errors import UnknownModel
from predictor.image_sampler import ImageSampler
from predictor.progress import Progress
from predictor.recipes import Recipe

Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Trained:
    """The networks of a run or a model folder by name, the one that people run first."""

    name: str
    networks: Mapping[str, nn.Module]
    class_names: tuple[str, ...] | None = None
    """By label, where the data that it was trained on named their classes."""
    origin: str | None = None
    """How it was trained, of a model that is there already; None for a run of the recipe."""

    def picture_shape(self) -> tuple[int, ...] | None:
        """Return ``(C, H, W)`` of what it generates or looks at; None where no network says it."""
        if hasattr(self.released(), "latent_width"):
            return tuple(ImageSampler(self.released()).sampled(1).shape[1:])
        shapes = (getattr(network, "image_shape", None) for network in self.networks.values())
        return next(filter(None, shapes), None)

    def network_of(self, kind: type[Kind], lacks: str) -> Kind:
        """Return the first network of the class `kind`.

        Raises `UnknownModel`, in which `lacks` says what there is none of.
        """
        for network in self.networks.values():
            if isinstance(network, kind):
                return network
        raise UnknownModel(f"{self.name} has no {lacks}")

    def released(self) -> nn.Module:
        """Return the network that people run."""
        return next(iter(self.networks.values()))


@dataclass(frozen=True)
class Subject:
    """A trained recipe that is to be tested."""

    recipe: Recipe
    settings: Any
    """Settings of the recipe's system; `images` says how its pictures are decoded."""
    data: Path
    model: Trained
    baseline: Trained | None = None
    """The model of the recipe that this one is compared with, if any."""
    seed: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    cache: Path | None = None
    """The folder of a run that caches the decoded pictures."""
    draws: int = 100
    """Draws of labels that are asked for, for a protocol that repeats its test."""
    progress: Progress | None = None

    def sampler(self, of: Trained | None = None) -> ImageSampler:
        """Return a sampler of `of`, by default of the model, in float32.

        Raises `UnknownModel` for a model that generates none.
        """
        trained = of or self.model
        network = trained.released()
        if not hasattr(network, "latent_width"):
            raise UnknownModel(
                f"{trained.name} generates no pictures, as the models of the recipe "
                f"{self.recipe.name} do"
            )
        return ImageSampler(network, self.device)


@dataclass(frozen=True)
class Row:
    """The scores of one method."""

    method: str
    scores: Mapping[str, float]
    """By measure, the unit in its name."""
    spreads: Mapping[str, float] = field(default_factory=dict)
    """By measure, the ± within one run; see `Measured.spread`."""


@dataclass(frozen=True)
class Measured:
    """The result of a protocol."""

    rows: tuple[Row, ...]
    """The recipe's own first, then those that it is compared with."""
    headings: Mapping[str, str]
    """Column headings by measure."""
    spread: str
    """What the spreads of the rows are: ``"standard error over the test pictures"``."""
    notes: tuple[str, ...] = ()
    """The conditions of the test, one line each."""


@dataclass(frozen=True)
class Protocol:
    """How a paper tested a trained model."""

    measured: Callable[[Subject], Measured]
    checkpoint: Literal["best", "newest"] = "best"
    """Which weights of the run are tested: the best by validation, or the last."""
    needs_labels: bool = True
    """Whether the pictures of the part ``test`` must have labels."""
