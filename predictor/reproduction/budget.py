"""Runs scaled down to a time budget: fewer iterations, and schedules compressed to fit them."""

import math
import re
from pathlib import Path
from typing import Any, TypeVar

from predictor.errors import SettingsError
from predictor.systems.entry import SystemEntry
from predictor.systems.settings import OptimizerSettings, RunSettings
from predictor.training.estimate import estimated
from predictor.training.settings import validated_settings

TRAINING_SHARE = 0.85
"""Share of the budget for iterations; validation, previews and checkpoints take the rest."""

MOST_VALIDATIONS = 5
"""Validations, and as many previews, of a scaled-down run: each takes as long as in a full one."""

_SECONDS = {"s": 1, "m": 60, "h": 3600}

Settings = TypeVar("Settings", bound=RunSettings)


def parsed_duration(text: str) -> float:
    """Return the seconds in ``90s``, ``30m`` or ``1.5h``; raises `SettingsError` for other text."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text.strip())
    if match is None or not float(match[1]):
        raise SettingsError(f"a duration is {text!r}, expected one such as 90s, 30m or 1.5h")
    return float(match[1]) * _SECONDS[match[2]]


def duration_text(seconds: float) -> str:
    """Return ``20 s``, ``90 s`` or ``30 min``: minutes where they are whole."""
    return f"{seconds:g} s" if seconds % 60 else f"{seconds / 60:g} min"


def affordable_iterations(
    system: str, entry: SystemEntry, settings: RunSettings, data: Path, budget_s: float, cache: Path
) -> int:
    """Return how many iterations fit into `budget_s` on this machine, by timing a few.

    At least 1, at most those of `settings`. Decoded data are kept in the folder `cache`.
    """
    pace_s = estimated(system, entry, settings, data, cache).time_per_iteration_s
    return max(1, min(settings.iterations, int(TRAINING_SHARE * budget_s / pace_s)))


def scaled_settings(settings: Settings, iterations: int) -> Settings:
    """Return `settings` for a run of `iterations`, with every schedule compressed to that length.

    Learning rates and momenta begin and end at the values of the full run.
    """
    share = iterations / settings.iterations
    values: dict[str, Any] = settings.model_dump()
    for name in ("validate_every", "preview_every"):
        values[name] = max(round(values[name] * share), math.ceil(iterations / MOST_VALIDATIONS))
    for name, value in settings:
        if isinstance(value, OptimizerSettings):
            values[name] = value.scaled(share).model_dump()
    return validated_settings(type(settings), {**values, "iterations": iterations})
