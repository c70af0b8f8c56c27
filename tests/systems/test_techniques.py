"""The techniques of Salimans et al. 2016 in other systems than theirs."""

from typing import Any

import pytest
import torch

from predictor.losses import smoothed_loss
from predictor.systems import dcgan, gan
from predictor.systems.phases import PhaseLoss, System
from predictor.systems.techniques import loss_of_real
from predictor.training.settings import validated_settings

SMALL: dict[str, tuple[Any, dict[str, Any]]] = {
    "gan": (
        gan,
        {
            "generator": {"network": "dense-generator", "latent": 4, "hidden": [6, 5]},
            "discriminator": {
                "network": "dense-discriminator",
                "hidden": [5, 4],
                "input_dropout": 0.0,
                "dropout": 0.0,
            },
            "images": {"size": [8, 8], "channels": 1},
        },
    ),
    "dcgan": (
        dcgan,
        {
            "generator": {"network": "dcgan", "latent": 4, "maps": [6, 4]},
            "discriminator": {"network": "dcgan-discriminator", "maps": [4, 6]},
            "images": {"size": [8, 8], "channels": 1},
        },
    ),
}
SETTINGS = {"gan": gan.GanSettings, "dcgan": dcgan.DcganSettings}


def built(name: str, **values: Any) -> System:
    module, small = SMALL[name]
    torch.manual_seed(0)
    system: System = module.build(validated_settings(SETTINGS[name], {**small, **values}))
    return system


def discriminator_loss(system: System) -> PhaseLoss:
    torch.manual_seed(1)
    images = torch.rand(6, 1, 8, 8) * 2 - 1
    return system.phases[0].loss(system.networks, {"image": images}, {})


@pytest.mark.parametrize("name", SMALL)
def test_smoothing_changes_what_real_pictures_cost_and_nothing_else(name: str) -> None:
    systems = [built(name, real_target=target) for target in (1.0, 0.9)]
    for system in systems:
        with torch.no_grad():  # both losses are one at the logits of 0 that it begins with
            for parameter in system.networks["discriminator"].parameters():
                parameter *= 20
    plain, smoothed = (discriminator_loss(system).terms for system in systems)
    assert torch.equal(plain["fake"], smoothed["fake"])
    assert not torch.equal(plain["real"], smoothed["real"])
    assert plain.keys() == smoothed.keys()


@pytest.mark.parametrize("name", SMALL)
def test_the_pull_back_is_a_term_of_both_players(name: str) -> None:
    system = built(name, historical_averaging=2.0)
    discriminator = system.networks["discriminator"]
    assert discriminator_loss(system).terms["historical_averaging"].item() == 0
    with torch.no_grad():
        for parameter in discriminator.parameters():
            parameter += 1
    count = sum(parameter.numel() for parameter in discriminator.parameters())
    found = discriminator_loss(system).terms["historical_averaging"]
    assert found.item() == pytest.approx(2.0 * count * 0.5**2, rel=1e-4)
    terms = system.phases[1].loss(system.networks, {"image": torch.zeros(2, 1, 8, 8)}, {}).terms
    assert "historical_averaging" in terms
    assert set(built(name).networks) == {"generator", "discriminator"}


def test_a_discriminator_of_another_system_compares_its_batch() -> None:
    minibatch = {"minibatch": "paper", "minibatch_kernels": 3}
    small = {**SMALL["dcgan"][1]["discriminator"], **minibatch}
    judge = built("dcgan", discriminator=small).networks["discriminator"].eval()
    images = torch.rand(4, 1, 8, 8) * 2 - 1
    assert not torch.allclose(judge(images).logits[:2], judge(images[:2]).logits)
    plain = built("dcgan").networks["discriminator"].eval()
    assert torch.allclose(plain(images).logits[:2], plain(images[:2]).logits, atol=1e-6)


def test_the_piece_that_is_passed_in_is_the_smoothed_loss() -> None:
    logits = torch.linspace(-2, 2, 5)
    assert loss_of_real(0.9)(logits).item() == smoothed_loss(logits, 0.9).item()
