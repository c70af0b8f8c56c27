"""The exponential average, in closed form."""

import torch
from torch import nn

from predictor.training.averages import average_of, update_average


def test_average_towards_a_constant() -> None:
    network = nn.Linear(2, 1).double()
    average = average_of(network)
    start = average.weight.clone()
    with torch.no_grad():
        network.weight.fill_(3.0)
    decay, count = 0.9, 7
    for _ in range(count):
        update_average(average, network, decay)
    expected = 3.0 + decay**count * (start - 3.0)
    torch.testing.assert_close(average.weight, expected, rtol=1e-13, atol=0)


def test_average_takes_buffers_as_they_are_and_never_trains() -> None:
    network = nn.BatchNorm1d(2)
    average = average_of(network)
    network(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    update_average(average, network, 0.5)
    assert torch.equal(average.running_mean, torch.tensor([0.2, 0.3]))  # 0.1 of the mean (2, 3)
    assert int(average.num_batches_tracked) == 1
    assert not average.training
    assert network.training
    assert not any(parameter.requires_grad for parameter in average.parameters())
    assert all(parameter.requires_grad for parameter in network.parameters())
