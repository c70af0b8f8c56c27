"""What the settings of every generator and discriminator of small pictures have in common."""

from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import BaseModel

from predictor.data import ImageSettings
from predictor.systems.settings import NetworkSettings

GENERATOR, DISCRIMINATOR = "generator", "discriminator"


class PairSettings(Protocol):
    """Settings of a system of two networks."""

    @property
    def images(self) -> ImageSettings:
        """What the pictures become."""

    @property
    def generator(self) -> NetworkSettings:
        """What makes them."""

    @property
    def discriminator(self) -> NetworkSettings:
        """What judges them."""


def told_of_data(kind: type[BaseModel], values: Any, known: Mapping[str, Mapping[str, Any]]) -> Any:
    """Return the `values` of settings of a `kind`, each network told what follows from the others.

    That is the shape of the pictures and what is `known` beside it, by network; what the table of a
    network says itself stays, and what it does not say is put below by `RunSettings`. Values that
    are no settings are returned as they are, for pydantic to refuse.
    """
    if not isinstance(values, dict):
        return values
    usual = kind.model_fields["images"].default
    images = {**_table(usual), **_table(values.get("images", {}))}
    if not _is_size(images["size"]):
        return values
    shape = [images["channels"], *images["size"]]
    tables = {}
    for name, told in known.items():
        given = values.get(name, {})
        if isinstance(given, dict | BaseModel):
            tables[name] = {"shape": shape, **told, **_table(given)}
    return {**values, **tables}


def require_shape_and_units(settings: PairSettings) -> None:
    """Raise `ValueError` unless both networks are of the pictures' shape and of the same units."""
    painted, judged = settings.generator.config(), settings.discriminator.config()
    if painted.units != judged.units:
        raise ValueError(
            f"generator.units is {painted.units!r}, discriminator.units {judged.units!r}"
        )
    for name, config in ((GENERATOR, painted), (DISCRIMINATOR, judged)):
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
