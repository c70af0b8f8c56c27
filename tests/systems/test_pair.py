"""What the settings of two networks take from the settings around them."""

from typing import Any

import pytest

from predictor.errors import SettingsError
from predictor.systems import SYSTEMS
from predictor.training.settings import validated_settings


@pytest.mark.parametrize(
    ("system", "option", "value"),
    [("gan", "latent", 7), ("infogan", "dense", 8), ("improved-gan", "latent", 9)],
)
def test_one_option_leaves_the_network_as_it_is(system: str, option: str, value: int) -> None:
    kind = SYSTEMS[system].settings
    usual: Any = validated_settings(kind, {})
    found: Any = validated_settings(kind, {"generator": {option: value}})
    assert found.generator.network == usual.generator.network
    assert getattr(found.generator.config(), option) == value


@pytest.mark.parametrize("system", ["gan", "infogan", "improved-gan"])
def test_a_network_that_is_no_table_is_refused(system: str) -> None:
    with pytest.raises(SettingsError, match=r"^generator='big': "):
        validated_settings(SYSTEMS[system].settings, {"generator": "big"})


@pytest.mark.parametrize("system", ["gan", "infogan", "improved-gan"])
@pytest.mark.parametrize("size", [[0, 28], [28, 28, 1], ["a", 28]])
def test_a_size_that_is_none_is_named_and_not_what_follows_from_it(
    system: str, size: list[Any]
) -> None:
    with pytest.raises(SettingsError, match=r"^images(\.size)?"):
        validated_settings(SYSTEMS[system].settings, {"images": {"size": size}})


def test_what_the_network_refuses_is_said_as_it_says_it() -> None:
    with pytest.raises(SettingsError, match=r"^generator: latent, hidden, shape"):
        validated_settings(SYSTEMS["gan"].settings, {"generator": {"latent": 0}})


def test_what_the_data_decide_is_told_and_what_a_network_says_stays() -> None:
    kind = SYSTEMS["gan"].settings
    images = {"size": [8, 12], "channels": 3}
    found: Any = validated_settings(kind, {"images": images})
    assert found.generator.config().shape == found.discriminator.config().shape == (3, 8, 12)
    with pytest.raises(Exception, match=r"generator\.shape is \(1, 4, 4\), images"):
        validated_settings(kind, {"images": images, "generator": {"shape": [1, 4, 4]}})
