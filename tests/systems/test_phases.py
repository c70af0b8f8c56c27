"""A system that could not be trained is refused when it is put together."""

from dataclasses import replace
from typing import Any

import pytest
from torch import nn

from predictor.systems.phases import Optimizer, Phase, PhaseLoss, System


def phase(name: str, network: str, **values: Any) -> Phase:
    return Phase(name, network, lambda *given: PhaseLoss({}), Optimizer("sgd", 0.1), **values)


def system(*phases: Phase, **values: Any) -> System:
    return System(
        networks={"a": nn.Identity(), "b": nn.Identity()},
        phases=phases,
        release="a",
        validate=lambda networks, batches: {},
        best_by=("psnr_db", "max"),
        preview=lambda networks, batch, folder: None,
        **values,
    )


@pytest.mark.parametrize(
    ("phases", "values", "message"),
    [
        ([phase("x", "a"), phase("y", "a")], {}, "two phases update one network"),
        ([phase("x", "a"), phase("x", "b")], {}, "two phases have one name"),
        ([phase("x", "c")], {}, "no network 'c'"),
        ([phase("x", "a")], {"averages": {"c": 0.9}}, "no network 'c'"),
        (
            [phase("x", "a", draws_from="y"), phase("y", "b")],
            {},
            "'x' draws from 'y', which is not before",
        ),
        ([phase("x", "a", repeats=2)], {"update": "together"}, "together cannot repeat"),
    ],
)
def test_impossible_system_is_refused(
    phases: list[Phase], values: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        system(*phases, **values)


def test_release_must_exist() -> None:
    with pytest.raises(ValueError, match="no network 'c'"):
        replace(system(phase("x", "a")), release="c")


def test_a_phase_of_no_network_has_no_optimizer() -> None:
    measure = replace(phase("x", "a"), network=None, optimizer=None)
    assert system(measure, phase("y", "a")).phases[0].network is None
    with pytest.raises(ValueError, match="phase 'x' has one of network and optimizer"):
        system(replace(measure, network="a"))
