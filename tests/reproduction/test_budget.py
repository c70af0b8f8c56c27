"""Runs scaled down to a time budget: compressed schedules, durations."""

import pytest

from predictor.errors import SettingsError
from predictor.recipes import load_recipe, recipe_names
from predictor.reproduction.budget import duration_text, parsed_duration, scaled_settings
from predictor.reproduction.plan import recipe_settings
from predictor.systems.settings import OptimizerSettings

PICTURES = [name for name in recipe_names() if "gan" in name]


@pytest.mark.parametrize("share", [0.1, 0.0013])
@pytest.mark.parametrize("name", PICTURES)
def test_rates_and_momenta_of_a_scaled_run_begin_and_end_as_in_the_full_one(
    name: str, share: float
) -> None:
    full = recipe_settings(load_recipe(name))
    count = 2 * max(5, round(share * full.iterations / 2))  # has a middle
    scaled = scaled_settings(full, count)
    assert scaled.iterations == count
    for field, value in full:
        if not isinstance(value, OptimizerSettings):
            continue
        before = value.optimizer(full.iterations)
        after = getattr(scaled, field).optimizer(count)
        assert before.learning_rate_factor is not None
        assert after.learning_rate_factor is not None
        for place in (0, 0.5, 1):
            wanted = before.learning_rate_factor(round(place * full.iterations))
            assert after.learning_rate_factor(round(place * count)) == pytest.approx(
                wanted, rel=0.02, abs=0.02
            )
        if before.momentum_at is not None:
            assert after.momentum_at is not None
            assert after.momentum_at(count) == pytest.approx(
                before.momentum_at(full.iterations), abs=0.01
            )


def test_settings_other_than_schedules_are_kept() -> None:
    full = recipe_settings(load_recipe("gan-mnist"))
    scaled = scaled_settings(full, 5000)
    assert (scaled.validate_every, scaled.preview_every) == (1000, 1000)  # five of each
    left_out = {"iterations", "validate_every", "preview_every"}
    optimizers = {"generator_optimizer", "discriminator_optimizer"}
    for name, value in full:
        if name not in left_out | optimizers:
            assert getattr(scaled, name) == value, name
    optimizer = scaled.generator_optimizer
    assert (optimizer.divide_every, optimizer.epoch_iterations) == (1, 5)
    assert optimizer.divisor == pytest.approx(1.000004**100)
    assert optimizer.learning_rate == full.generator_optimizer.learning_rate


def test_durations() -> None:
    assert [parsed_duration(text) for text in ("90s", "30m", "1.5h")] == [90, 1800, 5400]
    for text in ("30", "m", "-3m", "0m", "1d"):
        with pytest.raises(SettingsError, match="expected one such as"):
            parsed_duration(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [("20s", "20 s"), ("90s", "90 s"), ("60s", "1 min"), ("30m", "30 min"), ("1.5h", "90 min")],
)
def test_a_duration_is_said_in_whole_numbers(text: str, said: str) -> None:
    assert duration_text(parsed_duration(text)) == said
