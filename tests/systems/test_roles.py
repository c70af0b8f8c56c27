"""A network stands only where its role is asked for."""

import pytest
from tiny_systems import COMMON, TINY

from predictor.errors import SettingsError
from predictor.networks import NETWORKS
from predictor.systems import SYSTEMS
from predictor.systems.settings import NetworkSettings
from predictor.training.settings import merged, validated_settings

PLACES = [
    (name, field)
    for name, entry in SYSTEMS.items()
    for field, described in entry.settings.model_fields.items()
    if described.annotation is NetworkSettings
]


def test_every_network_has_a_role() -> None:
    assert all(isinstance(getattr(kind, "role", None), str) for _, kind in NETWORKS.values())


@pytest.mark.parametrize(("name", "field"), PLACES)
def test_networks_of_another_role_are_refused(name: str, field: str) -> None:
    kind = SYSTEMS[name].settings
    values = merged(COMMON, TINY[name][1][0]) if name in TINY else {}
    usual = getattr(validated_settings(kind, values), field).network
    role = NETWORKS[usual][1].role  # type: ignore[attr-defined]
    others = [other for other, (_, module) in NETWORKS.items() if module.role != role]  # type: ignore[attr-defined]
    assert others
    for other in others:
        with pytest.raises(SettingsError):
            validated_settings(kind, {**values, field: {"network": other}})


def test_the_message_names_the_role_and_what_plays_it() -> None:
    values = {"generator": {"network": "dense-discriminator"}}
    with pytest.raises(SettingsError, match="a judge of pictures, expected a generator: dcgan, de"):
        validated_settings(SYSTEMS["gan"].settings, values)


def test_a_network_without_a_role_is_taken_on_trust(monkeypatch: pytest.MonkeyPatch) -> None:
    config, module = NETWORKS["dense-generator"]
    own = type("Own", (module,), {"role": None})
    monkeypatch.setitem(NETWORKS, "own", (config, own))
    settings = validated_settings(SYSTEMS["gan"].settings, {"generator": {"network": "own"}})
    assert isinstance(settings.generator.build(), own)  # type: ignore[attr-defined]
