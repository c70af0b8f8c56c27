"""Techniques for any pair of networks: what the generator learns from, smoothing, averaging.

Salimans et al. 2016, sections 3.1, 3.3 and 3.4. Minibatch discrimination and virtual batch
normalization are layers: see `predictor.networks`.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from predictor.losses import (
    feature_matching_loss,
    historical_averaging_loss,
    minimax_generator_loss,
    non_saturating_generator_loss,
    real_loss,
    smoothed_loss,
)
from predictor.networks.history import ParameterHistory
from predictor.systems.phases import Batch, LossFunction, Networks, PhaseLoss


@dataclass(frozen=True)
class Judged:
    """What a discriminator makes of a batch of pictures, computed where it is asked for."""

    logits: Callable[[], Tensor]
    """High where pictures look real."""
    features: Callable[[], Tensor]
    """``(N, F)``, its last hidden layer."""


GeneratorLoss = Callable[[Judged, Judged], dict[str, Tensor]]
"""From generated pictures and real ones to the terms of the generator's loss."""

GeneratorLossName = Literal[
    "non_saturating", "minimax", "feature_matching", "absolute_feature_matching"
]


def _adversarial(
    loss: Callable[[Tensor], Tensor], generated: Judged, real: Judged
) -> dict[str, Tensor]:
    return {"adversarial": loss(generated.logits())}


def _feature_matching(p: int, generated: Judged, real: Judged) -> dict[str, Tensor]:
    with torch.no_grad():
        wanted = real.features()
    return {"feature_matching": feature_matching_loss(generated.features(), wanted, p)}


GENERATOR_LOSSES: Mapping[str, GeneratorLoss] = {
    "non_saturating": functools.partial(_adversarial, non_saturating_generator_loss),
    "minimax": functools.partial(_adversarial, minimax_generator_loss),
    "feature_matching": functools.partial(_feature_matching, 2),
    "absolute_feature_matching": functools.partial(_feature_matching, 1),
}
"""By `GeneratorLossName`: -ln D(G(z)), ln(1 - D(G(z))), and the squared or absolute differences of
the mean features of generated and of real pictures."""


def loss_of_real(target: float) -> Callable[[Tensor], Tensor]:
    """Return the discriminator's loss of real pictures, whose label is `target`.

    Below 1 it is one-sided label smoothing.
    """
    return real_loss if target == 1 else functools.partial(smoothed_loss, target=target)


def histories(players: Mapping[str, nn.Module], weight: float) -> dict[str, nn.Module]:
    """Return the networks that hold the parameter means of `players`; none if `weight` is 0.

    They belong in `System.networks`, where `with_history` looks them up.
    """
    if not weight:
        return {}
    return {_history(name): ParameterHistory(network) for name, network in players.items()}


def with_history(loss: LossFunction, name: str, weight: float) -> LossFunction:
    """Return `loss` plus the historical averaging loss of the network `name`, times `weight`.

    The term is called ``historical_averaging``. If `weight` is 0, `loss` is returned unchanged.
    """
    return functools.partial(_with_history, loss, name, weight) if weight else loss


def _with_history(
    loss: LossFunction, name: str, weight: float, networks: Networks, batch: Batch, earlier: Batch
) -> PhaseLoss:
    network, history = networks[name], networks[_history(name)]
    assert isinstance(history, ParameterHistory)
    distance = historical_averaging_loss(network.parameters(), history.updated_means(network))
    plain = loss(networks, batch, earlier)
    return PhaseLoss({**plain.terms, "historical_averaging": weight * distance}, plain.outputs)


def _history(name: str) -> str:
    return f"{name}_history"
