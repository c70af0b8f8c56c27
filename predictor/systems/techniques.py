"""Techniques that go with any pair of players: each makes of a loss, or of networks, a new one.

Salimans et al. 2016, sections 3.3 and 3.4.
"""

import functools
from collections.abc import Callable, Mapping

from torch import Tensor, nn

from predictor.losses import historical_averaging_loss, real_loss, smoothed_loss
from predictor.networks.history import ParameterHistory
from predictor.systems.phases import Batch, LossFunction, Networks, PhaseLoss


def loss_of_real(target: float) -> Callable[[Tensor], Tensor]:
    """Return what a discriminator's logits of real pictures cost if it is to say `target`.

    Below 1 it is one-sided label smoothing.
    """
    return real_loss if target == 1 else functools.partial(smoothed_loss, target=target)


def histories(players: Mapping[str, nn.Module], weight: float) -> dict[str, nn.Module]:
    """Return a history for each of `players`, which `with_history` finds; none without a weight."""
    if not weight:
        return {}
    return {_history(name): ParameterHistory(network) for name, network in players.items()}


def with_history(loss: LossFunction, name: str, weight: float) -> LossFunction:
    """Return `loss`, and weighted how far the network `name` is from where it has been.

    The term is called ``historical_averaging``. Without a weight `loss` is returned as it is.
    """
    return functools.partial(_with_history, loss, name, weight) if weight else loss


def _with_history(
    loss: LossFunction, name: str, weight: float, networks: Networks, batch: Batch, earlier: Batch
) -> PhaseLoss:
    network, history = networks[name], networks[_history(name)]
    assert isinstance(history, ParameterHistory)
    pull = historical_averaging_loss(network.parameters(), history.noted(network))
    found = loss(networks, batch, earlier)
    return PhaseLoss({**found.terms, "historical_averaging": weight * pull}, found.outputs)


def _history(name: str) -> str:
    return f"{name}_history"
