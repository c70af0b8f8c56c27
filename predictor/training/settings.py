"""Settings from what a user wrote: parsed, validated, and compared between two runs."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from predictor.errors import SettingsError
from predictor.systems.settings import RunSettings
from predictor.wording import nearest_or_all

Settings = TypeVar("Settings", bound=RunSettings)


def parsed_overrides(overrides: Iterable[str]) -> dict[str, Any]:
    """Return ``["a.b=1", "c=fp32"]`` as ``{"a": {"b": 1}, "c": "fp32"}``.

    Values are TOML; one that is not valid TOML is a string. Raises `SettingsError` for what has no
    ``=`` or sets one key twice.
    """
    values: dict[str, Any] = {}
    for override in overrides:
        key, separator, text = override.partition("=")
        if not separator or not key.strip():
            raise SettingsError(f"--set {override!r}: expected key=value")
        *parents, last = key.strip().split(".")
        table = values
        for parent in parents:
            table = table.setdefault(parent, {})
            if not isinstance(table, dict):
                raise SettingsError(f"--set {override!r}: {parent!r} is set to a value as well")
        if last in table:
            raise SettingsError(f"--set {override!r}: {key.strip()!r} is set twice")
        table[last] = _value(text.strip())
    return values


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with the values of `changes`, tables merged key by key."""
    result = dict(base)
    for key, value in changes.items():
        below = result.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        result[key] = merged(below, value) if both else value  # type: ignore[arg-type] # `both`
    return result


def validated_settings(kind: type[Settings], values: Mapping[str, Any]) -> Settings:
    """Return settings of the class `kind`; raises `SettingsError` for the first bad value."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise SettingsError(_first_problem(kind, error)) from error


def changed_settings(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """Return `settings` with `changes`, which may touch only those in `changeable`.

    Raises `SettingsError` for any other, and for values that are not valid.
    """
    changed = validated_settings(type(settings), merged(settings.model_dump(), changes))
    require_same_run(settings, changed)
    return changed


def moved_places(kind: type[RunSettings], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of `changes` that sets `kind.places`, with absolute paths."""
    moved: dict[str, Any] = {}
    for name in kind.places:
        *parents, last = name.split(".")
        table: Any = changes
        for parent in parents:
            table = table.get(parent) if isinstance(table, Mapping) else None
        if isinstance(table, Mapping) and table.get(last) is not None:
            place: Any = str(Path(str(table[last])).absolute())  # a folder may be called 2024
            for key in reversed([*parents, last]):
                place = {key: place}
            moved = merged(moved, place)
    return moved


def require_same_run(before: RunSettings, after: RunSettings) -> None:
    """Raise `SettingsError` if a setting differs that is not in `changeable`."""
    for name, (old, new) in unchangeable_differences(before, after).items():
        raise SettingsError(
            f"{name} was {old!r} when the run began and is {new!r} now: that would be another run. "
            f"Put {old!r} back, or start a new run with --init-from"
        )


def unchangeable_differences(before: RunSettings, after: RunSettings) -> dict[str, tuple[Any, Any]]:
    """Return by name the values of settings that differ and are not in `changeable`."""
    return {
        name: values
        for name, values in _differences(before.model_dump(), after.model_dump()).items()
        if not {name, name.split(".")[0]} & before.changeable
    }


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _differences(
    before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = ""
) -> dict[str, tuple[Any, Any]]:
    found: dict[str, tuple[Any, Any]] = {}
    for key in [*before, *(key for key in after if key not in before)]:
        old, new = before.get(key), after.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found |= _differences(old, new, f"{prefix}{key}.")
        elif old != new:
            found[f"{prefix}{key}"] = (old, new)
    return found


def _first_problem(kind: type[BaseModel], error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    *parents, last = [str(part) for part in first["loc"]] or [""]
    name = ".".join([*parents, last])
    if first["type"] != "extra_forbidden":
        message = first["msg"].removeprefix("Value error, ")
        if first["type"] == "tuple_type":
            message = f"{message}, such as [1, 2]"
        if isinstance(first["input"], Mapping) or first["type"] == "missing":
            return f"{name}: {message}" if name else message  # the message says of what
        return f"{name}={first['input']!r}: {message}" if name else message
    model = _model_at(kind, parents)
    known = sorted(model.model_fields) if model else []
    return f"unknown setting {name!r}; {nearest_or_all(last, known)}"


def _model_at(kind: type[BaseModel], path: Iterable[str]) -> type[BaseModel] | None:
    for name in path:
        field = kind.model_fields.get(name)
        if field is None:
            continue  # the tag of a union
        options = [field.annotation, *get_args(field.annotation)]
        models = [
            item for item in options if isinstance(item, type) and issubclass(item, BaseModel)
        ]
        if not models:
            return None
        kind = models[0]
    return kind
