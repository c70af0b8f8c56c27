"""Techniques for any pair of networks: one-sided label smoothing and historical averaging.

Salimans et al. 2016, sections 3.3 and 3.4.
"""

import functools
from collections.abc import Callable, Mapping

from torch import Tensor, nn

from predictor.losses import historical_averaging_loss, real_loss, smoothed_loss
from predictor.networks.history import ParameterHistory
from predictor.systems.phases import Batch, LossFunction, Networks, PhaseLoss


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
