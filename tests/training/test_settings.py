"""Overrides become settings, and each mistake is named."""

from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict

from predictor.errors import SettingsError
from predictor.systems.improved_gan import ImprovedGanSettings
from predictor.systems.inpaint import InpaintSettings
from predictor.systems.settings import OptimizerSettings
from predictor.training.settings import (
    RunSettings,
    changed_settings,
    merged,
    moved_places,
    parsed_overrides,
    validated_settings,
)


class Layers(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    widths: tuple[int, ...] = (8, 16)
    kind: Literal["deep", "flat"] = "deep"


class Settings(RunSettings):
    batch_size: int = 4
    layers: Layers = Layers()
    extra: Layers | None = None
    optimizer: OptimizerSettings = OptimizerSettings()


def test_overrides_are_toml_in_dotted_keys() -> None:
    overrides = ["a.b=1e-4", "a.c = [1, 2]", "d=true", "e=fp32", "f='12'", "g=x=y", "h="]
    assert parsed_overrides(overrides) == {
        "a": {"b": 1e-4, "c": [1, 2]},
        "d": True,
        "e": "fp32",
        "f": "12",
        "g": "x=y",
        "h": "",
    }


@pytest.mark.parametrize("overrides", [["a"], ["=1"], ["a=1", "a=2"], ["a=1", "a.b=2"]])
def test_overrides_that_say_nothing_or_two_things(overrides: list[str]) -> None:
    with pytest.raises(SettingsError, match="--set"):
        parsed_overrides(overrides)


def test_tables_merge_and_values_replace() -> None:
    base = {"a": {"b": 1, "c": 2}, "d": [1, 2]}
    assert merged(base, {"a": {"c": 3}, "d": [4]}) == {"a": {"b": 1, "c": 3}, "d": [4]}
    assert base == {"a": {"b": 1, "c": 2}, "d": [1, 2]}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"itertions": 3}, "unknown setting 'itertions'; did you mean 'iterations'?"),
        ({"layers": {"width": [1]}}, "unknown setting 'layers.width'; did you mean 'widths'?"),
        ({"extra": {"kin": 1}}, "unknown setting 'extra.kin'; did you mean 'kind'?"),
        ({"layers": {"zzzz": 1}}, "unknown setting 'layers.zzzz'; known are kind, widths"),
        ({"layers": {"kind": "wide"}}, "layers.kind='wide': "),
        ({"layers": {"widths": 8}}, "layers.widths=8: .* tuple, such as"),
        ({"optimizer": {"betas": [0.5]}}, "optimizer.betas.1: Field required"),
        ({"iterations": "many"}, "iterations='many': "),
        ({"batch_size": 0}, "batch_size=0: expected 1 or more"),  # the default is a subclass's
        ({"workers": -1}, "workers=-1: expected 0 or more"),
        ({"optimizer": {"kind": "adam", "dampened": True}}, "dampened is for sgd, kind is adam"),
        ({"optimizer": {"final_momentum": 0.8}}, "final_momentum is for sgd, kind is adamw"),
        (
            {"optimizer": {"kind": "sgd", "epsilon_under_root": True}},
            "epsilon_under_root is for adam, kind is sgd",
        ),
        (
            {"optimizer": {"learning_rate": 1e-5, "final_learning_rate": 1e-4}},
            "learning_rate=1e-05 is below final_learning_rate=0.0001, which it falls to: set both",
        ),
    ],
)
def test_first_bad_setting_is_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message.replace("?", r"\?")):
        validated_settings(Settings, values)


def test_only_what_leaves_the_result_alone_may_change() -> None:
    begun = Settings(iterations=100)
    assert changed_settings(begun, {"workers": 3, "threads": 2}).workers == 3
    assert changed_settings(begun, {"layers": {"widths": [8, 16]}}) == begun  # the same value
    with pytest.raises(SettingsError, match="iterations was 100 when the run began and is 200"):
        changed_settings(begun, {"iterations": 200})
    with pytest.raises(SettingsError, match=r"layers.widths was \(8, 16\) .* and is \(8,\)"):
        changed_settings(begun, {"layers": {"widths": [8]}})
    with pytest.raises(SettingsError, match="extra was None"):
        changed_settings(begun, {"extra": {}})


def test_every_changeable_setting_exists() -> None:
    assert RunSettings.changeable <= RunSettings.model_fields.keys()
    assert not RunSettings.changeable & {"iterations", "batch_size", "seed"}


def test_a_resumed_run_is_told_where_its_masks_and_pictures_lie_now() -> None:
    masks = {"folder": "before", "kinds": {"files": 1}}
    begun = InpaintSettings.model_validate({"masks": masks})
    assert changed_settings(begun, {"masks": {"folder": "after"}}).masks.folder == Path("after")
    with pytest.raises(SettingsError, match=r"masks\.area was .* another run"):
        changed_settings(begun, {"masks": {"area": [0.1, 0.2]}})
    few = ImprovedGanSettings(unlabelled="before")
    assert changed_settings(few, {"unlabelled": "after"}).unlabelled == "after"


@pytest.mark.parametrize(
    ("changes", "moved"),
    [
        ({"masks": {"folder": 2024}}, {"masks": {"folder": str(Path("2024").absolute())}}),
        ({"masks": 3}, {}),
        ({"masks": {"area": [0.1, 0.2]}}, {}),
    ],
)
def test_a_place_may_be_called_by_a_number_and_what_is_no_table_has_none(
    changes: dict[str, object], moved: dict[str, object]
) -> None:
    assert moved_places(InpaintSettings, changes) == moved
