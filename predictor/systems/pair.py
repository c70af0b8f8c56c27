"""What systems of one generator and one discriminator of small pictures have in common."""

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from pydantic import BaseModel
from torch import Tensor, nn

from predictor.data import ImageSettings
from predictor.latents import drawn_latents
from predictor.model_files import DISCRIMINATOR
from predictor.networks import NETWORKS
from predictor.systems.settings import NetworkSettings

GENERATOR = "generator"

REAL_HALF, FAKE_HALF = slice(0, None, 2), slice(1, None, 2)
"""The rows of a batch that are shown as they are, and those that samples stand for.

They alternate, so that data-parallel ranks with an even number of rows each show what one process
would show of the whole batch.
"""


class PairSettings(Protocol):
    """Settings of a system of two networks."""

    @property
    def images(self) -> ImageSettings:
        """Size and channels of the pictures."""

    @property
    def generator(self) -> NetworkSettings:
        """The network that makes them."""

    @property
    def discriminator(self) -> NetworkSettings:
        """The network that judges them."""


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
