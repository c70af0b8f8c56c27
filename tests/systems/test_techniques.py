"""The techniques of Salimans et al. 2016 in other systems than theirs."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from predictor.losses import smoothed_loss
from predictor.systems import SYSTEMS
from predictor.systems.phases import PhaseLoss, System
from predictor.systems.techniques import loss_of_real
from predictor.training.settings import validated_settings

SMALL: dict[str, dict[str, Any]] = {
    "gan": {
        "generator": {"network": "dense-generator", "latent": 4, "hidden": [6, 5]},
        "discriminator": {
            "network": "dense-discriminator",
            "hidden": [5, 4],
            "input_dropout": 0.0,
            "dropout": 0.0,
        },
    },
    "conditional-gan": {
        "generator": {"network": "labelled-generator", "maps": [6, 4], "dense": 7},
        "discriminator": {"network": "labelled-discriminator", "maps": [6, 4], "dense": 5},
        "classes": 3,
    },
    "dcgan": {
        "generator": {"network": "dcgan", "latent": 4, "maps": [6, 4]},
        "discriminator": {"network": "dcgan-discriminator", "maps": [4, 6]},
    },
    "infogan": {
        "latents": {"noise": 3, "categorical": [3], "uniform": 2},
        "generator": {"network": "infogan", "dense": 6, "maps": [4, 3]},
        "discriminator": {
            "network": "infogan-discriminator", "dense": 6, "maps": [3, 4], "read": 5
        },
    },
}  # fmt: skip
BATCH = {
    "image": torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(1)) * 2 - 1,
    "label": torch.arange(6) % 3,
}


def built(name: str, **values: Any) -> System:
    torch.manual_seed(0)
    small = {**SMALL[name], "images": {"size": [8, 8], "channels": 1}}
    entry = SYSTEMS[name]
    return entry.build(validated_settings(entry.settings, {**small, **values}))


def phase_loss(system: System, number: int) -> PhaseLoss:
    torch.manual_seed(1)
    return system.phases[number].loss(system.networks, BATCH, {})


def discriminator_loss(system: System) -> PhaseLoss:
    return phase_loss(system, 0)


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
    assert "historical_averaging" in phase_loss(system, 1).terms
    assert set(built(name).networks) == {"generator", "discriminator"}


class Shows(nn.Module):
    """A generator that shows given pictures, in the units of another one."""

    def __init__(self, images: Tensor, like: Any) -> None:
        super().__init__()
        self.latent_width, self.distribution = 4, "normal"
        self.units = like.units
        self.images = nn.Parameter(like.units.encoded(images))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.images


@pytest.mark.parametrize("name", SMALL)
def test_a_generator_may_match_features(name: str) -> None:
    system, adversarial = built(name, generator_loss="feature_matching"), built(name)
    terms = phase_loss(system, 1).terms
    expected = phase_loss(adversarial, 1).terms.keys() - {"adversarial"} | {"feature_matching"}
    assert terms.keys() == expected
    terms["feature_matching"].backward()
    assert all(it.grad is not None for it in system.networks["generator"].parameters())
    for images, matches in ((BATCH["image"], True), (-BATCH["image"], False)):
        shows = Shows(images, system.networks["generator"])
        networks = {**system.networks, "generator": shows}
        found = system.phases[1].loss(networks, BATCH, {}).terms["feature_matching"]
        assert (found.item() < 1e-12) is matches


@pytest.mark.parametrize(("name", "scale"), [("gan", 20), ("dcgan", 1)])
def test_a_discriminator_of_another_system_compares_its_batch(name: str, scale: float) -> None:
    minibatch = {"minibatch": "paper", "minibatch_kernels": 3}
    small = {**SMALL[name]["discriminator"], **minibatch}
    for values, compares in (({"discriminator": small}, True), ({}, False)):
        judge = built(name, **values).networks["discriminator"].eval()
        with torch.no_grad():
            for parameter in judge.parameters():
                parameter *= scale
        images = BATCH["image"]
        together, alone = (getattr(it, "logits", it) for it in (judge(images), judge(images[:2])))
        assert torch.allclose(together[:2], alone, rtol=1e-5, atol=1e-8) is not compares


def test_pictures_of_a_dcgan_may_not_depend_on_those_beside_them() -> None:
    virtual = {**SMALL["dcgan"]["generator"], "normalization": "virtual", "references": 5}
    made = built("dcgan", generator=virtual).networks["generator"].train()
    latents = torch.rand(4, 4)
    assert made(latents).shape == (4, 1, 8, 8)
    assert torch.allclose(made(latents)[:1], made(latents[:1]), atol=1e-6)
    plain = built("dcgan").networks["generator"].train()
    assert not torch.allclose(plain(latents)[:2], plain(latents[:2]), atol=1e-6)


def test_the_piece_that_is_passed_in_is_the_smoothed_loss() -> None:
    logits = torch.linspace(-2, 2, 5)
    assert loss_of_real(0.9)(logits).item() == smoothed_loss(logits, 0.9).item()
