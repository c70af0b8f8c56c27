"""What the settings of ``infogan`` build and refuse, and what its recipes are."""

import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_infogan import settings, system_of

from predictor.errors import SettingsError
from predictor.networks.infogan import InfoganDiscriminatorConfig, InfoganGeneratorConfig
from predictor.recipes import load_recipe
from predictor.structured_latents import StructuredLatents
from predictor.systems import SYSTEMS
from predictor.systems.infogan import InfoganSettings, build, open_data
from predictor.systems.phases import Phase
from predictor.training.release import training_command
from predictor.training.run import Run
from predictor.training.settings import parsed_overrides, validated_settings


def test_networks_follow_pictures_and_latents_where_they_do_not_say_else() -> None:
    chosen = settings()
    for config in (chosen.generator.config(), chosen.discriminator.config()):
        assert config.shape == (1, 8, 8)
        assert config.latents == chosen.latents == StructuredLatents(3, (3,), 2)
    assert validated_settings(InfoganSettings, chosen.model_dump()) == chosen
    usual = validated_settings(InfoganSettings, {})
    found = usual.generator.config(), usual.discriminator.config()
    assert found == (InfoganGeneratorConfig(), InfoganDiscriminatorConfig())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"latents": {"uniform": 0, "categorical": []}}, "expected a code at least"),
        ({"latents": {"categorical": [1]}}, "2 or more categories a code"),
        ({"latents": {"continuous": 2}}, "continuous"),
        ({"generator": {"units": "signed"}}, "'signed', discriminator.units 'unit'"),
        ({"discriminator": {"shape": [1, 4, 4]}}, r"shape is \(1, 4, 4\), images"),
        ({"generator": {"latents": {"noise": 9}}}, "generator.latents is"),
        ({"images": {"size": [10, 10]}}, "multiples of 4"),
        ({"images": {"size": 8}}, "images.size"),
        ({"categorical_weight": -1}, "categorical_weight"),
        ({"scored_as": "gaussian"}, "scored_as"),
        ({"views": {"scale": 0.5}}, "scale is 0.5, expected 1 or more"),
        ({"views": {"angle": 5}}, "angle"),
    ],
)
def test_settings_that_do_not_fit(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        settings(**changes)


def test_labels_are_there_for_validation_alone(tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    images = np.random.default_rng(0).integers(0, 256, (50, 8, 8), np.uint8)
    np.savez(path, images=images)
    data = open_data(settings(validation_images=3), path)
    (held_out,) = data.validation
    assert held_out["image"].shape == (3, 1, 8, 8)
    assert set(held_out) == {"image"}
    assert len(data.train) == 45


def test_reader_and_trunk_are_updated_at_the_rate_of_the_discriminator() -> None:
    phases = {phase.name: phase for phase in system_of(settings()).phases}
    assert phases["discriminator"].optimizer is not None
    assert phases["generator"].optimizer is not None
    assert phases["discriminator"].optimizer.learning_rate == 2e-4
    assert phases["generator"].optimizer.learning_rate == 1e-3
    for phase in phases.values():
        assert phase.optimizer is not None
        assert phase.optimizer.betas == (0.5, 0.999)


@pytest.mark.parametrize("changes", [{}, {"latents": {"noise": 5, "categorical": [4, 2]}}])
def test_the_command_of_a_card_starts_the_same_run(changes: dict[str, Any]) -> None:
    chosen = validated_settings(InfoganSettings, changes)
    run = Run(Path("runs/a"), "infogan", SYSTEMS["infogan"], chosen, Path("data"))
    words = shlex.split(training_command(run))
    overrides = [word for before, word in pairwise(words) if before == "--set"]
    assert validated_settings(InfoganSettings, parsed_overrides(overrides)) == chosen
    assert bool(overrides) == bool(changes)


@pytest.mark.parametrize(
    ("variant", "latents", "rates_and_weights"),
    [
        ("mnist", StructuredLatents(62, (10,), 2), (2e-4, 1e-3, 1.0, 0.1)),
        ("mnist-official", StructuredLatents(62, (10,), 2), (2e-4, 1e-3, 1.0, 1.0)),
        ("svhn", StructuredLatents(124, (10,) * 4, 4), (2e-4, 1e-3, 1.0, 0.1)),
        ("celeba", StructuredLatents(128, (10,) * 10, 0), (2e-4, 1e-3, 1.0, 0.1)),
        ("faces", StructuredLatents(128, (), 5), (2e-4, 5e-4, 1.0, 0.2)),
        ("chairs", StructuredLatents(128, (20,) * 3, 1), (2e-4, 1e-3, 1.0, 10.0)),
    ],
)
def test_the_recipes_have_the_published_codes_rates_and_weights(
    variant: str, latents: StructuredLatents, rates_and_weights: tuple[float, ...]
) -> None:
    chosen = validated_settings(InfoganSettings, load_recipe(f"infogan-{variant}").settings)
    assert chosen.latents == latents
    optimizers = [phase.optimizer for phase in build_phases(chosen)]
    rates = tuple(each.learning_rate for each in optimizers if each is not None)
    assert (*rates, chosen.categorical_weight, chosen.uniform_weight) == rates_and_weights
    assert chosen.batch_size == 128


def build_phases(chosen: InfoganSettings) -> tuple[Phase, ...]:
    with torch.device("meta"):
        return build(chosen).phases


def test_the_released_code_differs_from_the_paper_in_four_things() -> None:
    paper, code = (
        validated_settings(InfoganSettings, load_recipe(name).settings).model_dump()
        for name in ("infogan-mnist", "infogan-mnist-official")
    )
    assert {name for name in paper if paper[name] != code[name]} == {
        "discriminator", "scored_as", "uniform_weight",
    }  # fmt: skip
    told = {"deviation": 1.0, "leak": 0.01}
    assert code["discriminator"] == {**paper["discriminator"], **told}
    assert (paper["scored_as"], code["scored_as"]) == ("uniform", "normal")
