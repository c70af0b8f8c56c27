"""Normalized weights: the definition, the gradient, the beginning from data."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from predictor.networks.weight_normalization import (
    WeightNormConvolution,
    WeightNormLinear,
    WeightNormTransposedConvolution,
    begin_from_data,
)


def layer(trained: bool = True, **how: float) -> WeightNormLinear:
    torch.manual_seed(0)
    found = WeightNormLinear(5, 3, has_trained_scale=trained, **how).double()
    with torch.no_grad():
        found.scale.copy_(torch.tensor([1.0, -2.0, 0.5]))
        found.bias.copy_(torch.tensor([0.1, 0.2, 0.3]))
    return found


def test_it_is_a_linear_layer_whose_weights_have_the_length_of_the_scale() -> None:
    ours, inputs = layer(epsilon=0.0), torch.randn(7, 5, dtype=torch.float64)
    weights = ours.direction * (ours.scale / ours.direction.norm(dim=1))[:, None]
    assert torch.allclose(ours(inputs), functional.linear(inputs, weights, ours.bias), rtol=1e-12)
    assert torch.allclose(weights.norm(dim=1), ours.scale.abs())
    with torch.no_grad():
        ours.direction *= 17  # the length of the direction says nothing
    assert torch.allclose(ours(inputs), functional.linear(inputs, weights, ours.bias), rtol=1e-12)


def test_it_agrees_with_the_parametrization_of_torch() -> None:
    ours = layer(epsilon=0.0)
    theirs = nn.utils.parametrizations.weight_norm(nn.Linear(5, 3).double())
    with torch.no_grad():
        theirs.bias.copy_(ours.bias)
        theirs.parametrizations.weight.original0.copy_(ours.scale[:, None])
        theirs.parametrizations.weight.original1.copy_(ours.direction)
    inputs = torch.randn(4, 5, dtype=torch.float64)
    assert torch.allclose(ours(inputs), theirs(inputs), rtol=1e-10)
    for network in (ours, theirs):
        network(inputs).square().sum().backward()
    gradient = theirs.parametrizations.weight.original1.grad
    assert ours.direction.grad is not None
    assert torch.allclose(ours.direction.grad, gradient, rtol=1e-8, atol=1e-12)
    # No step along the direction changes anything, so no gradient has a part along it.
    assert torch.allclose((ours.direction.grad * ours.direction).sum(1), torch.zeros(3).double())


def test_gradients() -> None:
    inputs = torch.randn(4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer(), (inputs,))


def test_a_scale_that_is_not_trained_is_no_parameter_but_is_kept() -> None:
    names = {name for name, _ in layer(trained=False).named_parameters()}
    assert names == {"direction", "bias"}
    assert "scale" in layer(trained=False).state_dict()
    assert "scale" in dict(layer().named_parameters())


@pytest.mark.parametrize("deviation", [1.0, 0.1])
def test_outputs_begin_with_mean_zero_and_the_deviation_asked_for(deviation: float) -> None:
    torch.manual_seed(0)
    layers = [
        WeightNormLinear(n, m, has_trained_scale=False, output_deviation=deviation).double()
        for n, m in ((6, 8), (8, 4))
    ]
    network = nn.Sequential(layers[0], nn.ReLU(), layers[1])
    inputs = 5 + 3 * torch.randn(500, 6, dtype=torch.float64)
    begin_from_data(network, lambda: network(inputs))
    first = layers[0](inputs)
    for outputs in (first, layers[1](first.relu())):
        assert torch.allclose(outputs.mean(0), torch.zeros(()).double(), atol=1e-10)
        expected = torch.full((outputs.shape[1],), deviation).double()
        assert torch.allclose(outputs.std(0, correction=0), expected)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network(torch.zeros(2, 6, dtype=torch.float64))  # an ordinary pass begins nothing
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize(
    ("ours", "theirs", "axis"),
    [
        (
            WeightNormConvolution(2, 3, 3, stride=2, padding=1, has_trained_scale=True),
            nn.Conv2d(2, 3, 3, 2, 1),
            0,
        ),
        (
            WeightNormTransposedConvolution(2, 3, 5, has_trained_scale=True),
            nn.ConvTranspose2d(2, 3, 5, 2, 2, output_padding=1),
            1,
        ),
    ],
)
def test_convolutions_are_those_of_weights_of_the_length_of_the_scale(
    ours: WeightNormConvolution | WeightNormTransposedConvolution, theirs: nn.Module, axis: int
) -> None:
    torch.manual_seed(0)
    with torch.no_grad():
        ours.scale.copy_(torch.tensor([1.0, -2.0, 0.5]))
        ours.bias.copy_(torch.tensor([0.1, 0.2, 0.3]))
        other = tuple(a for a in range(4) if a != axis)
        lengths = (ours.direction.square().sum(other, keepdim=True) + 1e-6).sqrt()
        shape = [1, 1, 1, 1]
        shape[axis] = 3
        theirs.weight.copy_(ours.direction * ours.scale.reshape(shape) / lengths)
        theirs.bias.copy_(ours.bias)
    inputs = torch.randn(2, 2, 6, 6)
    assert torch.allclose(ours(inputs), theirs(inputs), atol=1e-5)
    begin_from_data(ours, lambda: ours(inputs))
    outputs = ours(inputs)
    assert torch.allclose(outputs.mean((0, 2, 3)), torch.zeros(3), atol=1e-5)
    # A negative scale stays negative: the deviation is that of the size.
    assert torch.allclose(outputs.std((0, 2, 3), correction=0), torch.ones(3), atol=1e-4)
