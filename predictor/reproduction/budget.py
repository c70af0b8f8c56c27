"""A run scaled down to a time: fewer iterations, and schedules that go as far in them."""

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
"""Of the time: validation, previews and checkpoints take the rest."""

LOOKS = 5
"""Validations and previews of a run that is scaled down, at most: each takes as long as ever."""

_SECONDS = {"s": 1, "m": 60, "h": 3600}

Settings = TypeVar("Settings", bound=RunSettings)


def parsed_duration(text: str) -> float:
    """Return the seconds of ``90s``, ``30m`` or ``1.5h``; raises `SettingsError` for others."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text.strip())
    if match is None or not float(match[1]):
        raise SettingsError(f"a duration is {text!r}, expected one such as 90s, 30m or 1.5h")
    return float(match[1]) * _SECONDS[match[2]]


def affordable_iterations(
    system: str, entry: SystemEntry, settings: RunSettings, data: Path, budget_s: float, cache: Path
) -> int:
    """Return how many iterations take `budget_s` here, measured on a few; at most the settings'.

    The decoded data are kept in `cache`.
    """
    pace_s = estimated(system, entry, settings, data, cache).time_per_iteration_s
    return max(1, min(settings.iterations, int(TRAINING_SHARE * budget_s / pace_s)))


def scaled_settings(settings: Settings, iterations: int) -> Settings:
    """Return `settings` for a run of `iterations`, with every schedule squeezed into those.

    Learning rates and momenta go from where to where they went.
    """
    share = iterations / settings.iterations
    values: dict[str, Any] = settings.model_dump()
    for name in ("validate_every", "preview_every"):
        values[name] = max(round(values[name] * share), math.ceil(iterations / LOOKS))
    for name, value in settings:
        if isinstance(value, OptimizerSettings):
            values[name] = value.scaled(share).model_dump()
    return validated_settings(type(settings), {**values, "iterations": iterations})
