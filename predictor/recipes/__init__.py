"""Published results as settings: one TOML a result, with the number that it must reach."""

import difflib
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from predictor.errors import SettingsError
from predictor.training.settings import merged


class Target(BaseModel):
    """The number that a recipe must reach."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    """The unit in its name."""
    value: float
    data: str
    """What it is measured on."""


class PublishedRow(BaseModel):
    """One row of a published table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    scores: Mapping[str, tuple[float, ...]]
    """By measure, the unit in its name; one number for each column of it."""


class ProtocolSettings(BaseModel):
    """What a protocol leaves open; each reads what it needs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    samples: int = Field(10_000, ge=10)
    """Pictures that the model generates."""
    labels: tuple[int, ...] = ()
    """How many labels a classifier is shown, for each of its tests."""
    draws: int = Field(100, ge=1)
    """Draws of those labels that are tested."""
    scored_by: Literal["accuracy", "error"] = "accuracy"


class Recipe(BaseModel):
    """How a published result is trained."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    source: str
    """The paper or code, with the section that says so."""
    system: str
    data: str
    """What it is trained on."""
    settings: Mapping[str, Any] = Field(default_factory=dict)
    """Settings of the system that are not its defaults."""
    target: Target | None = None
    protocol: str | None = None
    """How the result was tested: a row of a table in `predictor.reproduction.protocols`."""
    protocol_settings: ProtocolSettings = ProtocolSettings()
    against: str | None = None
    """The recipe that is trained and tested beside this one."""
    published: tuple[PublishedRow, ...] = ()
    """The table that the protocol's numbers stand in."""
    published_data: str = ""
    """What that table was measured on, and how sure its numbers are."""
    published_in: str | None = None
    """The recipe that has the table, where this one has none of its own."""
    published_as: str | None = None
    """The method of the table that this recipe is: what the gap is measured to."""
    like: str | None = None
    """The recipe that has what this one does not say: source, data, settings key by key. Another
    recipe's number is no target of this one, unless it has some of its own to say of it."""


def recipe_names() -> list[str]:
    """Return the names of all recipes, sorted."""
    files = resources.files(__name__).iterdir()
    return sorted(file.name[: -len(".toml")] for file in files if file.name.endswith(".toml"))


def load_recipe(name: str) -> Recipe:
    """Return the recipe `name`; raises `SettingsError` with the nearest name if there is none."""
    names = recipe_names()
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(names) or 'none'}"
        raise SettingsError(f"no recipe {name!r}; {hint}")
    text = resources.files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8")
    told: Mapping[str, Any] = {"name": name, **tomllib.loads(text)}
    if "like" in told:
        model = load_recipe(told["like"]).model_dump(exclude_unset=True)
        if "target" not in told:
            model.pop("target", None)
        told = merged(model, told)
    return Recipe.model_validate(told)


def published_table(recipe: Recipe) -> tuple[str, tuple[PublishedRow, ...]]:
    """Return what the published numbers beside `recipe` were measured on, and their rows."""
    source = recipe if recipe.published_in is None else load_recipe(recipe.published_in)
    return source.published_data, source.published
