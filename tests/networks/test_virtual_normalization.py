"""Normalization by a reference batch."""

import pytest
import torch
from torch import Tensor

from predictor.networks.virtual_normalization import VirtualBatchNorm

SHAPES = [(3,), (3, 2, 2)]


def inputs(count: int, shape: tuple[int, ...]) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return 2 + 3 * torch.randn(count, *shape, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("shape", SHAPES)
def test_reference_and_example_are_normalized_by_both(shape: tuple[int, ...]) -> None:
    layer, batch = VirtualBatchNorm(3, 4, has_gain=False).double(), inputs(6, shape)
    with torch.no_grad():
        layer.bias.copy_(torch.tensor([0.5, 0.0, -1.0]))
    found = layer(batch)
    values = batch.reshape(6, 3, -1)
    reference, bias = values[:4], layer.bias[:, None]
    mean = reference.mean((0, 2))[:, None]
    deviation = (reference.var((0, 2), correction=0)[:, None] + 1e-5).sqrt()
    expected = (reference - mean) / deviation + bias
    assert torch.allclose(found.reshape(6, 3, -1)[:4], expected)
    for number in (4, 5):
        own = values[number]
        both = (4 * mean + own.mean(1, keepdim=True)) / 5
        square = (4 * reference.square().mean((0, 2))[:, None] + own.square().mean(1)[:, None]) / 5
        expected = (own - both) / (square - both.square() + 1e-5).sqrt() + bias
        assert torch.allclose(found.reshape(6, 3, -1)[number], expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_an_output_does_not_depend_on_the_other_examples(shape: tuple[int, ...]) -> None:
    layer, batch = VirtualBatchNorm(3, 4).double(), inputs(9, shape)
    together = layer(batch)
    alone = layer(torch.cat([batch[:4], batch[7:8]]))
    assert torch.allclose(together[7], alone[4], rtol=1e-12)
    other_reference = layer(torch.cat([batch[:4] + 1, batch[7:8]]))
    assert not torch.allclose(together[7], other_reference[4])


def test_gain_is_trained_where_there_is_one() -> None:
    with_gain, without = VirtualBatchNorm(3, 4), VirtualBatchNorm(3, 4, has_gain=False)
    assert {name for name, _ in with_gain.named_parameters()} == {"weight", "bias"}
    assert {name for name, _ in without.named_parameters()} == {"bias"}
    batch = inputs(5, (3,)).float()
    with torch.no_grad():
        with_gain.weight.fill_(2)
    assert torch.allclose(with_gain(batch), 2 * without(batch), atol=1e-6)


def test_gradients() -> None:
    layer = VirtualBatchNorm(3, 2).double()
    assert torch.autograd.gradcheck(layer, (inputs(4, (3, 2)).requires_grad_(),))
