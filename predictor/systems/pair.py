"""What systems of one generator and one discriminator of small pictures have in common."""

import functools
from collections.abc import Mapping
from typing import Any, Literal

import torch
from pydantic import BaseModel, Field
from torch import Tensor, nn

from predictor.data import ImageSettings
from predictor.latents import drawn_latents
from predictor.model_files import DISCRIMINATOR
from predictor.networks import NETWORKS
from predictor.systems.phases import LossFunction, Phase
from predictor.systems.settings import NetworkSettings, OptimizerSettings, RunSettings
from predictor.systems.techniques import GeneratorLossName, histories, with_history

GENERATOR = "generator"

REAL_HALF, FAKE_HALF = slice(0, None, 2), slice(1, None, 2)
"""The rows of a batch that are shown as they are, and those that samples stand for.

They alternate, so that data-parallel ranks with an even number of rows each show what one process
would show of the whole batch.
"""


UpdateOrder = Literal["alternating", "simultaneous", "odd_even"]
"""When the networks are updated: see `pair_phases`."""


class PairSettings(RunSettings):
    """What can be set of every such system."""

    images: ImageSettings
    generator: NetworkSettings
    """The network that makes pictures."""
    discriminator: NetworkSettings
    """The network that judges them."""
    generator_optimizer: OptimizerSettings
    discriminator_optimizer: OptimizerSettings
    generator_loss: GeneratorLossName = "non_saturating"
    """An adversarial loss, or feature matching (Salimans et al. 2016) of the discriminator's last
    hidden layer."""
    real_target: float = Field(1.0, gt=0, le=1)
    """Label of real pictures; below 1 it is one-sided label smoothing (ibid.)."""
    historical_averaging: float = Field(0.0, ge=0)
    """Weight of the squared distance of each network's parameters to their mean over time (ibid.).
    """
    average_decay: float = Field(0.0, ge=0, lt=1)
    """Decay per iteration of the generator's exponential average; 0 keeps none, as published."""


def steady_adam(learning_rate: float) -> OptimizerSettings:
    """Return Adam at one rate throughout, with the momentum that Radford et al. 2016 advise."""
    return OptimizerSettings(
        kind="adam",
        learning_rate=learning_rate,
        final_learning_rate=learning_rate,
        decay="linear",
        betas=(0.5, 0.999),
    )


def pair_networks(settings: PairSettings) -> dict[str, nn.Module]:
    """Return both networks, new, and what historical averaging remembers of them."""
    players = {
        GENERATOR: settings.generator.build(),
        DISCRIMINATOR: settings.discriminator.build(),
    }
    return {**players, **histories(players, settings.historical_averaging)}


def pair_phases(
    settings: PairSettings,
    discriminator_loss: LossFunction,
    generator_loss: LossFunction,
    *,
    schedule: UpdateOrder = "alternating",
    shares_batches: bool = True,
    discriminator_steps: int = 1,
    generator_steps: int = 1,
) -> tuple[Phase, Phase]:
    """Return the phase that trains the discriminator and then the one that trains the generator.

    ``odd_even``: even iterations train the generator, odd ones the discriminator. With
    `shares_batches` the generator sees the pictures that the discriminator has just seen, and the
    outputs of its loss; otherwise pictures of its own. The losses get the terms of historical
    averaging. ``simultaneous`` is up to `System.update`.
    """
    is_odd_even = schedule == "odd_even"
    weight = settings.historical_averaging
    discriminator = Phase(
        name=DISCRIMINATOR,
        network=DISCRIMINATOR,
        loss=with_history(discriminator_loss, DISCRIMINATOR, weight),
        optimizer=settings.discriminator_optimizer.optimizer(settings.iterations),
        repeats=discriminator_steps,
        when=functools.partial(every_other, 1) if is_odd_even else None,
    )
    generator = Phase(
        name=GENERATOR,
        network=GENERATOR,
        loss=with_history(generator_loss, GENERATOR, weight),
        optimizer=settings.generator_optimizer.optimizer(settings.iterations),
        repeats=generator_steps,
        draws_from=DISCRIMINATOR if shares_batches else None,
        when=functools.partial(every_other, 0) if is_odd_even else None,
    )
    return discriminator, generator


def latents_for(generator: nn.Module, count: int, device: torch.device) -> Tensor:
    """Return `count` latents ``(count, latent_width)`` from the generator's own distribution."""
    described: Any = generator
    return drawn_latents(described.distribution, (count, described.latent_width), device)


def every_other(remainder: int, iteration: int, losses: Mapping[str, float]) -> bool:
    """Return whether a phase is due that runs in even (0) or odd (1) iterations only."""
    return iteration % 2 == remainder


def with_network_defaults(
    kind: type[BaseModel], values: Any, known: Mapping[str, Mapping[str, Any]]
) -> Any:
    """Return the raw `values` for settings of a `kind` with what the networks take from the data.

    Each network in `known` gets the shape of the pictures and the options listed there, if it has
    them and its own table does not set them. Call it in a validator that runs before `RunSettings`
    fills the rest of the tables. Values that are not settings are returned unchanged, for pydantic
    to refuse.
    """
    if not isinstance(values, dict):
        return values
    default = kind.model_fields["images"].default
    images = {**_table(default), **_table(values.get("images", {}))}
    if not _is_size(images["size"]):
        return values
    shape = [images["channels"], *images["size"]]
    tables = {}
    for name, options in known.items():
        given = values.get(name, {})
        if isinstance(given, dict | BaseModel):
            table = _table(given)
            chosen = table.get("network", kind.model_fields[name].default.network)
            has = NETWORKS[chosen][0].__dataclass_fields__ if chosen in NETWORKS else {}
            told = {"shape": shape, **options}
            fitting = {key: value for key, value in told.items() if key in has}
            tables[name] = {**fitting, **table}
    return {**values, **tables}


def require_shape_and_units(settings: PairSettings) -> None:
    """Raise `ValueError` unless both networks have the pictures' shape and the same units."""
    generator, discriminator = (
        chosen.config_with("shape", "units")
        for chosen in (settings.generator, settings.discriminator)
    )
    if generator.units != discriminator.units:
        raise ValueError(
            f"generator.units is {generator.units!r}, discriminator.units {discriminator.units!r}"
        )
    for name, config in ((GENERATOR, generator), (DISCRIMINATOR, discriminator)):
        if config.shape != settings.images.shape:
            raise ValueError(
                f"{name}.shape is {config.shape}, images.channels and images.size say "
                f"{settings.images.shape}"
            )


def _is_size(value: Any) -> bool:
    is_pair = isinstance(value, list | tuple) and len(value) == 2
    return is_pair and all(isinstance(side, int) and side > 0 for side in value)


def _table(value: Any) -> dict[str, Any]:
    if isinstance(value, BaseModel):
        return value.model_dump()
    return value if isinstance(value, dict) else {}
