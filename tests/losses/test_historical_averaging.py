"""The pull towards the mean of where a player has been (Salimans et al. 2016, section 3.3)."""

import pytest
import torch
from torch import nn

from predictor.errors import TensorContractError
from predictor.losses import historical_averaging_loss
from predictor.networks.history import ParameterHistory


def test_value_and_gradient_point_back() -> None:
    parameters = [torch.tensor([3.0, -1.0], requires_grad=True), torch.tensor(2.0)]
    averages = [torch.tensor([1.0, -1.0], requires_grad=True), torch.tensor(5.0)]
    loss = historical_averaging_loss(parameters, averages)
    assert loss.item() == (3 - 1) ** 2 + 0 + (2 - 5) ** 2
    loss.backward()
    assert torch.equal(parameters[0].grad, torch.tensor([4.0, 0.0]))  # 2 (θ - mean)
    assert averages[0].grad is None


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(TensorContractError):
        historical_averaging_loss([torch.zeros(2)], [torch.zeros(1)])
    with pytest.raises(ValueError, match="shorter"):
        historical_averaging_loss([torch.zeros(2)], [])


def test_the_history_is_the_mean_over_time() -> None:
    network = nn.Linear(1, 1, bias=False)
    history = ParameterHistory(network)
    seen = [4.0, -2.0, 1.0]
    for number, value in enumerate(seen, start=1):
        with torch.no_grad():
            network.weight.fill_(value)
        (mean,) = history.updated_means(network)
        assert mean.item() == pytest.approx(sum(seen[:number]) / number)
    assert not list(history.parameters())
    assert sorted(history.state_dict()) == ["count", "mean_0"]
    assert int(history.count) == 3
