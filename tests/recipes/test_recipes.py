"""Every bundled recipe fits its system, and states what must not be inherited from defaults."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from predictor.errors import SettingsError
from predictor.recipes import load_recipe, recipe_names
from predictor.training.settings import validated_settings


def test_every_recipe_fits_its_system() -> None:
    from predictor.systems import SYSTEMS

    for name in recipe_names():
        recipe = load_recipe(name)
        settings = validated_settings(SYSTEMS[recipe.system].settings, recipe.settings)
        assert settings.iterations > 0


def test_a_recipe_may_be_a_file_of_ones_own(tmp_path: Path) -> None:
    own = tmp_path / "mine.toml"
    own.write_text('system = "gan"\n[settings]\nbatch_size = 7\n')
    recipe = load_recipe(str(own))
    assert (recipe.name, recipe.system, recipe.settings) == ("mine", "gan", {"batch_size": 7})
    own.write_text('like = "gan-mnist"\n[settings]\nbatch_size = 7\n')
    recipe = load_recipe(str(own))
    assert (recipe.settings["batch_size"], recipe.settings["iterations"]) == (7, 500_000)
    child = tmp_path / "child.toml"
    child.write_text('like = "mine.toml"\n[settings]\niterations = 9\n')
    recipe = load_recipe(child)
    assert (recipe.settings["batch_size"], recipe.settings["iterations"]) == (7, 9)
    child.write_text('like = "gan-mnistt"\n')
    with pytest.raises(SettingsError, match="no recipe 'gan-mnistt'; did you mean 'gan-mnist'"):
        load_recipe(child)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[settings]", "is no recipe: system: Field required"),
        (b'system = "gan"\nsetings = 1', "is no recipe: setings: Extra inputs"),
        (b"system = ", "is no TOML"),
        (b"\xff", "is no TOML"),
        (b"like = 3", "is no recipe: like is 3"),
        (b'like = "mine.toml"', "is no recipe: it is like itself"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_file_that_is_no_recipe_is_named(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    own = tmp_path / "mine.toml"
    if content is not None:
        own.write_bytes(content)
    with pytest.raises(SettingsError, match=rf"mine\.toml {said}"):
        load_recipe(str(own))


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_inherits_nothing_that_was_tuned_for_another_network(name: str) -> None:
    from predictor.systems import SYSTEMS

    recipe = load_recipe(name)
    kind = SYSTEMS[recipe.system].settings
    for table, field in kind.model_fields.items():
        tuned = field.default
        if not isinstance(tuned, BaseModel) or table in (
            "generator",
            "discriminator",
            "discriminators",
        ):
            continue
        if (
            table.startswith("discriminator")
            and not recipe.settings.get("losses", {"adversarial": 1})["adversarial"]
        ):
            continue  # there is no discriminator
        given = recipe.settings.get(table, {})
        if given.get("kind") not in (None, getattr(tuned, "kind", None)):
            continue  # another optimizer begins with its own options
        plain = {key: value.default for key, value in type(tuned).model_fields.items()}
        changed = {key for key, value in tuned if value != plain.get(key)}
        if given.get("kind") == "sgd":
            changed -= {"betas"}
        assert changed <= set(given), table


@pytest.mark.parametrize("name", ["mathieu-paper", "mathieu-official"])
def test_the_recipes_of_mathieu_are_plain_descent_on_a_pixel_loss(name: str) -> None:
    from predictor.systems import SYSTEMS

    recipe = load_recipe(name)
    settings = validated_settings(SYSTEMS[recipe.system].settings, recipe.settings)
    assert settings.losses.pixel_loss == "lp"
    assert not settings.average_decay
    for phase in (settings.generator_optimizer, settings.discriminator_optimizer):
        optimizer = phase.optimizer(settings.iterations)
        assert (optimizer.kind, optimizer.momentum, optimizer.weight_decay) == ("sgd", 0, 0)
        assert optimizer.gradient_norm_limit is None
        assert optimizer.learning_rate_factor is not None
        assert optimizer.learning_rate_factor(0) == 1


def test_the_recipes_of_dcgan_are_the_published_variants() -> None:
    from predictor.networks.dcgan_variants import DCGAN_VARIANTS
    from predictor.systems.dcgan import DcganSettings

    schedules = {}
    for name, variant in {
        "dcgan-paper": "paper",
        "dcgan-torch": "torch",
        "dcgan-faces": "theano-faces",
        "dcgan-svhn": "theano-svhn",
        "dcgan-imagenet": "theano-imagenet",
    }.items():
        settings = validated_settings(DcganSettings, load_recipe(name).settings)
        found = settings.generator.config(), settings.discriminator.config()
        assert found == DCGAN_VARIANTS[variant], name
        schedules[name] = (settings.schedule, settings.batch_size)
    assert schedules == {
        "dcgan-paper": ("alternating", 128),
        "dcgan-torch": ("simultaneous", 64),
        "dcgan-faces": ("odd_even", 128),
        "dcgan-svhn": ("odd_even", 64),
        "dcgan-imagenet": ("odd_even", 128),
    }


def test_unknown_recipe_names_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("predictor.recipes.recipe_names", lambda: ["mathieu-paper", "dcgan"])
    with pytest.raises(SettingsError, match=r"'mathieu-papers'; did you mean 'mathieu-paper'"):
        load_recipe("mathieu-papers")


@pytest.mark.parametrize("name", recipe_names())
def test_protocols_and_published_rows_named_by_a_recipe_exist(name: str) -> None:
    from predictor.recipes import published_table
    from predictor.reproduction.protocols import PROTOCOLS, VIDEO_PROTOCOLS

    recipe = load_recipe(name)
    assert recipe.protocol in {None, *PROTOCOLS, *VIDEO_PROTOCOLS}
    if recipe.against is not None:
        assert load_recipe(recipe.against).against is None
    if recipe.published_as is not None:
        _, rows = published_table(recipe)
        assert recipe.published_as in {row.method for row in rows}
    if recipe.target is not None and recipe.protocol in PROTOCOLS:
        _, rows = published_table(recipe)
        own = next(row.scores for row in rows if row.method == recipe.published_as)
        assert recipe.target.value in {value for values in own.values() for value in values}


def test_a_recipe_inherits_from_the_one_that_it_is_like() -> None:
    whole, other = (load_recipe(f"improved-gan-mnist-{labels}") for labels in (100, 20))
    assert other.name == "improved-gan-mnist-20"
    assert other.target is not None
    assert whole.target is not None
    assert (other.target.value, other.target.metric) == (1677, whole.target.metric)
    assert other.settings == {**whole.settings, "labels": 20}
    deep = load_recipe("improved-gan-svhn-minibatch")  # like one that is like another
    assert (
        deep.settings["generator"] == load_recipe("improved-gan-cifar10-4000").settings["generator"]
    )
    assert deep.target is None  # a target is not inherited


@pytest.mark.parametrize(
    "name",
    [
        "improved-gan-cifar10-minibatch",
        "improved-gan-svhn-minibatch",
        "improved-gan-mnist-ablation",
        "improved-gan-mnist-ablation-labels-alone",
    ],
)
def test_another_method_need_not_reach_the_number_of_the_one_it_is_like(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.published
    assert (recipe.target, recipe.published_as) == (None, None)
