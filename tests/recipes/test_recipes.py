"""Every recipe that ships names a system that exists and settings that it takes."""

import pytest

from predictor.errors import SettingsError
from predictor.recipes import load_recipe, recipe_names
from predictor.training.settings import validated_settings


def test_every_recipe_fits_its_system() -> None:
    from predictor.systems import SYSTEMS

    for name in recipe_names():
        recipe = load_recipe(name)
        settings = validated_settings(SYSTEMS[recipe.system].settings, recipe.settings)
        assert settings.iterations > 0


def test_unknown_recipe_names_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("predictor.recipes.recipe_names", lambda: ["mathieu-paper", "dcgan"])
    with pytest.raises(SettingsError, match=r"'mathieu-papers'; did you mean 'mathieu-paper'"):
        load_recipe("mathieu-papers")
