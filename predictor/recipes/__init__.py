"""Published results as settings: a TOML file for each, with the number that it must reach.

Comments in the files say how sure a value is: ``[paper]`` and ``[code]`` were read there, ``[2nd]``
is from a secondary source, ``[memory]`` is not confirmed, ``[assumed]`` is a choice made here
because nothing is published. ``Differs:`` is followed by what a recipe does otherwise than its
source.
"""

import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from predictor.errors import SettingsError
from predictor.training.settings import merged
from predictor.wording import nearest_or_all

_SUFFIX = ".toml"


class Target(BaseModel):
    """The published number that a recipe must reach."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    """Its name ends in the unit."""
    value: float
    data: str
    """The data that it is measured on."""


class PublishedRow(BaseModel):
    """One row of a published table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    scores: Mapping[str, tuple[float, ...]]
    """By measure, named with its unit; for videos a number for each frame ahead, else one."""


class ProtocolSettings(BaseModel):
    """Options of protocols, each of which uses some of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    samples: int = Field(10_000, ge=10)
    """Pictures that the model generates."""
    labels: tuple[int, ...] = ()
    """Numbers of labels that a classifier is trained on, one test for each."""
    draws: int = Field(100, ge=1)
    """Random draws of these labels over which a test is averaged."""
    scored_by: Literal["accuracy", "error"] = "accuracy"


class Recipe(BaseModel):
    """How a published result is trained, and how it was tested."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    source: str
    """The paper, with the section, or the code that the recipe follows."""
    system: str
    data: str
    """The training data."""
    settings: Mapping[str, Any] = Field(default_factory=dict)
    """Settings of the system that differ from its defaults."""
    target: Target | None = None
    protocol: str | None = None
    """How the result was tested: a row of a table in `predictor.reproduction.protocols`."""
    protocol_settings: ProtocolSettings = ProtocolSettings()
    against: str | None = None
    """The recipe that is trained and tested for comparison with this one."""
    published: tuple[PublishedRow, ...] = ()
    """The published table with the protocol's numbers."""
    published_data: str = ""
    """The data that table was measured on, and how sure its numbers are."""
    published_in: str | None = None
    """The recipe that has the table, if this one has none of its own."""
    published_as: str | None = None
    """The method in that table whose number this recipe must reach."""
    like: str | None = None
    """The recipe from which this one inherits all that it does not state: source, data, settings
    key by key. What must be reached, `target` and `published_as`, is inherited only if this one
    states some of the target."""


def recipe_names() -> list[str]:
    """Return the names of all recipes, sorted."""
    files = resources.files(__name__).iterdir()
    return sorted(file.name.removesuffix(_SUFFIX) for file in files if file.name.endswith(_SUFFIX))


def load_recipe(name: str | Path) -> Recipe:
    """Return the recipe `name`, or the one in the file of that path if it ends in ``.toml``.

    A file of one's own needs to say `system` and `settings` alone; a file that it is `like` is
    looked for beside it. Raises `SettingsError` with the nearest name if there is none, and for a
    file that is no recipe.
    """
    return _loaded(str(name), Path(), ())


def _loaded(name: str, folder: Path, through: tuple[Path, ...]) -> Recipe:
    """Return the recipe that a file in `folder` calls `name`, read `through` these files."""
    if name.endswith(_SUFFIX):
        return _own_recipe(folder / name, through)
    names = recipe_names()
    if name not in names:
        raise SettingsError(f"no recipe {name!r}; {nearest_or_all(name, names)}")
    text = resources.files(__name__).joinpath(f"{name}{_SUFFIX}").read_text(encoding="utf-8")
    return _recipe({"name": name, **tomllib.loads(text)}, folder, through)


def _own_recipe(path: Path, through: tuple[Path, ...]) -> Recipe:
    if path.resolve() in through:
        raise SettingsError(f"{path} is no recipe: it is like itself")
    usual = {"name": path.stem, "title": path.stem, "source": path.name, "data": "not stated"}
    try:
        told = usual | tomllib.loads(path.read_text(encoding="utf-8"))
        if not isinstance(told.get("like", ""), str):
            raise SettingsError(f"{path} is no recipe: like is {told['like']!r}, expected a name")
        return _recipe(told, path.parent, (*through, path.resolve()))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        what = ".".join(map(str, first["loc"]))
        raise SettingsError(f"{path} is no recipe: {what}: {first['msg']}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} is no TOML: {error}") from error


def _recipe(told: Mapping[str, Any], folder: Path, through: tuple[Path, ...]) -> Recipe:
    if "like" in told:
        model = _loaded(told["like"], folder, through).model_dump(exclude_unset=True)
        if "target" not in told:
            for published in ("target", "published_as"):
                model.pop(published, None)
        told = merged(model, told)
    return Recipe.model_validate(told)


def published_table(recipe: Recipe) -> tuple[str, tuple[PublishedRow, ...]]:
    """Return the data that the published numbers for `recipe` were measured on, and their rows."""
    source = recipe if recipe.published_in is None else load_recipe(recipe.published_in)
    return source.published_data, source.published
