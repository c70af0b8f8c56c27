"""A small ``infogan``, one batch for it, and the loss of one of its phases."""

from typing import Any

import torch
from torch import Tensor

from predictor.systems.infogan import InfoganSettings, build
from predictor.systems.phases import PhaseLoss, System
from predictor.training.settings import merged, validated_settings

TINY: dict[str, Any] = {
    "batch_size": 4,
    "iterations": 4,
    "latents": {"noise": 3, "categorical": [3], "uniform": 2},
    "generator": {"network": "infogan", "dense": 6, "maps": [4, 3]},
    "discriminator": {
        "network": "infogan-discriminator",
        "dense": 6,
        "maps": [3, 4],
        "read": 5,
    },
    "images": {"size": [8, 8]},
    "device": "cpu",
    "precision": "fp32",
}


def settings(**changes: Any) -> InfoganSettings:
    return validated_settings(InfoganSettings, merged(TINY, changes))


def batch(count: int = 4) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(0)
    images = torch.rand(count, 1, 8, 8, generator=random) * 2 - 1
    return {"image": images, "label": torch.arange(count) % 3}


def system_of(chosen: InfoganSettings) -> System:
    torch.manual_seed(0)
    return build(chosen)


def loss_of(system: System, name: str) -> PhaseLoss:
    (phase,) = (phase for phase in system.phases if phase.name == name)
    return phase.loss(system.networks, batch(), {})
