"""Published results as settings: one TOML a result, with the number that it must reach."""

import difflib
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from predictor.errors import SettingsError


class Target(BaseModel):
    """The number that a recipe must reach."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    """The unit in its name."""
    value: float
    data: str
    """What it is measured on."""


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
    return Recipe.model_validate({"name": name, **tomllib.loads(text)})
