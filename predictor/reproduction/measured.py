"""What a protocol is given and what it finds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from predictor.errors import UnknownModel
from predictor.image_sampler import ImageSampler
from predictor.recipes import Recipe

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Trained:
    """The networks that a run or a model folder has, the one that people run first."""

    name: str
    networks: Mapping[str, nn.Module]

    def released(self) -> nn.Module:
        """Return the network that people run."""
        return next(iter(self.networks.values()))


@dataclass(frozen=True)
class Subject:
    """A trained recipe that is to be tested."""

    recipe: Recipe
    settings: Any
    """Of the recipe's system: `images` says what its pictures are."""
    data: Path
    model: Trained
    baseline: Trained | None = None
    """Of the recipe that it is compared with."""
    seed: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    cache: Path | None = None
    """The folder of a run that keeps the decoded pictures."""
    draws: int = 100
    progress: Progress | None = None

    def sampler(self, of: Trained | None = None) -> ImageSampler:
        """Return what generates pictures, in float32.

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
    """What one method reached."""

    method: str
    scores: Mapping[str, float]
    """By measure, the unit in its name."""
    spreads: Mapping[str, float] = field(default_factory=dict)
    """What stands behind ± within one run, by measure."""


@dataclass(frozen=True)
class Measured:
    """What a protocol found."""

    rows: tuple[Row, ...]
    """The recipe's own first, then what it is compared with."""
    headings: Mapping[str, str]
    """Every measure in words."""
    spread: str
    """What a row's spreads are: ``"standard error over test pictures"``."""
    notes: tuple[str, ...] = ()
    """What must be known beside the numbers."""


@dataclass(frozen=True)
class Protocol:
    """How a paper tested a trained model."""

    measured: Callable[[Subject], Measured]
    checkpoint: Literal["best", "newest"] = "best"
    """Whose weights are tested: the best by validation in the run, or the last."""
