"""The runs of a reproduction, decided once and stored in its folder so that it can be resumed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from predictor.errors import OutputExists, SettingsError
from predictor.recipes import Recipe, load_recipe
from predictor.reproduction.budget import affordable_iterations, scaled_settings
from predictor.run_folder import RUN_FILE
from predictor.systems import SYSTEMS
from predictor.systems.settings import RunSettings
from predictor.training.settings import merged, validated_settings
from predictor.whole_files import write_whole

PLAN_FILE = "plan.json"


@dataclass(frozen=True)
class Plan:
    """The runs of a reproduction."""

    folder: Path
    recipes: tuple[Recipe, ...]
    """The one that is reproduced, then the one it is compared with, if any."""
    data: Path
    budget_s: float | None
    """Time for all training together, as first asked for."""
    iterations: Mapping[str, int]
    """Iterations of a run, by the name of its recipe."""

    def run_folder(self, recipe: Recipe, seed: int) -> Path:
        """Return the folder of the run of `recipe` with `seed`."""
        return self.folder / f"{recipe.name}-seed-{seed}"

    def is_foreign(self, path: Path) -> bool:
        """Return whether `path` is nothing that a plan which was stopped early leaves behind.

        That is itself, and the folder of a run that has not begun, with the decoded data in it.
        """
        if path.name == PLAN_FILE:
            return False
        own = [self.run_folder(recipe, 0).name.removesuffix("0") for recipe in self.recipes]
        return not path.name.startswith(tuple(own)) or (path / RUN_FILE).exists()

    def settings(self, recipe: Recipe, seed: int, changes: Mapping[str, Any]) -> RunSettings:
        """Return the settings of a run; `changes` must not change its result."""
        full = recipe_settings(recipe, {**changes, "seed": seed})
        count = self.iterations[recipe.name]
        return full if count == full.iterations else scaled_settings(full, count)

    def scale(self, recipe: Recipe) -> float:
        """Return the share of the published iterations that is run, 1 for all."""
        return self.iterations[recipe.name] / recipe_settings(recipe).iterations


def recipe_settings(recipe: Recipe, changes: Mapping[str, Any] | None = None) -> Any:
    """Return the settings of a recipe with `changes` applied."""
    values = merged(recipe.settings, changes or {})
    return validated_settings(SYSTEMS[recipe.system].settings, values)


def planned(
    folder: Path,
    recipe: Recipe,
    data: Path,
    *,
    seeds: int,
    budget_s: float | None,
    changes: Mapping[str, Any],
) -> Plan:
    """Return the plan in `folder`, or make one there.

    With a budget the iterations that it affords are measured, once for all seeds. Raises
    `SettingsError` if the plan there is another and a run of it has begun, `OutputExists` if
    something else lies there.
    """
    recipes = (recipe,) if recipe.against is None else (recipe, load_recipe(recipe.against))
    told = {
        "recipe": recipe.name,
        "data": str(data.absolute()),
        "budget_s": budget_s,
        "settings": {each.name: _as_json(each.settings) for each in recipes},
    }
    path = folder / PLAN_FILE
    if path.exists():
        try:
            return Plan(folder, recipes, data, budget_s, _kept(path, told))
        except SettingsError:
            if any((run / RUN_FILE).exists() for run in folder.iterdir()):
                raise  # else nothing was trained by it
    plan = Plan(folder, recipes, data, budget_s, {})
    if folder.exists() and any(map(plan.is_foreign, folder.iterdir())):
        raise OutputExists(f"{folder} holds something else: it has no {PLAN_FILE}")
    iterations = {}
    for each in recipes:
        settings = recipe_settings(each, changes)
        iterations[each.name] = settings.iterations
        if budget_s is not None:
            iterations[each.name] = affordable_iterations(
                each.system,
                SYSTEMS[each.system],
                settings,
                data,
                budget_s / (seeds * len(recipes)),
                plan.run_folder(each, settings.seed),
            )
    write_whole(path, json.dumps({**told, "iterations": iterations}, indent=2).encode())
    return Plan(folder, recipes, data, budget_s, iterations)


def _as_json(settings: Mapping[str, Any]) -> Any:
    """Return settings as they are read back from a file."""
    return json.loads(json.dumps(settings))


def _kept(path: Path, told: Mapping[str, Any]) -> dict[str, int]:
    """Return the iterations by recipe in the plan `path`; raise if it is not for what is told."""
    try:
        kept = json.loads(path.read_text())
        iterations = {str(name): int(count) for name, count in kept["iterations"].items()}
        before = {name: kept[name] for name in told.keys() - {"settings"}}
        before["settings"] = kept.get("settings", told["settings"])  # older plans lack them
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError(f"{path} is damaged: {error!r}") from error
    for name, value in told.items():
        if name == "settings" and before[name] != value:
            raise SettingsError(
                f"{path.parent} is a reproduction of {kept['recipe']} with other settings than the "
                "recipe has now: take another folder"
            )
        if before[name] != value:
            raise SettingsError(
                f"{path.parent} is a reproduction with {name}={before[name]!r}, asked for is "
                f"{value!r}: take another folder"
            )
    return iterations
