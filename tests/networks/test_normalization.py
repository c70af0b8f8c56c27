"""Statistics of batch normalization on chosen batches, against numpy."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from predictor.networks.normalization import held_statistics, measure_statistics


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.BatchNorm2d(2, affine=False), nn.Dropout(0.5), nn.Flatten(), nn.BatchNorm1d(8, eps=1e-8)
    )


def batches() -> list[Tensor]:
    random = torch.Generator().manual_seed(1)
    return [3 * torch.randn(n, 2, 2, 2, generator=random) + n for n in (4, 6)]


def test_statistics_are_the_mean_over_batches_whatever_their_size() -> None:
    layers = network().eval()
    first, last = layers[0], layers[3]
    assert isinstance(first, nn.BatchNorm2d)
    assert isinstance(last, nn.BatchNorm1d)
    measure_statistics(layers, layers, batches())
    arrays = [batch.double().numpy() for batch in batches()]
    means = [array.mean((0, 2, 3)) for array in arrays]
    variances = [array.var((0, 2, 3)) for array in arrays]
    np.testing.assert_allclose(np.asarray(first.running_mean), np.mean(means, axis=0), rtol=1e-6)
    np.testing.assert_allclose(np.asarray(first.running_var), np.mean(variances, axis=0), rtol=1e-6)
    # what the second layer sees is normalized by each batch, and dropout stays off in evaluation
    below = [
        ((array - mean[:, None, None]) / np.sqrt(variance + 1e-5)[:, None, None]).reshape(-1, 8)
        for array, mean, variance in zip(arrays, means, variances, strict=True)
    ]
    np.testing.assert_allclose(
        np.asarray(last.running_var), np.mean([b.var(0) for b in below], axis=0), rtol=1e-5
    )
    assert not layers.training
    assert first.track_running_stats
    assert not first.training


def test_a_single_batch_is_normalized_as_in_training() -> None:
    layers = network()
    layers[1].p = 0.0  # type: ignore[assignment] # the dropout's share
    (batch, _) = batches()
    with torch.no_grad():
        expected = layers(batch)
        measure_statistics(layers, layers, [batch])
        torch.testing.assert_close(layers.eval()(batch), expected, atol=1e-5, rtol=1e-5)


def test_nothing_changes_without_a_batch_or_after_a_failure() -> None:
    layers = network().eval()
    before = {name: value.clone() for name, value in layers.state_dict().items()}

    def broken() -> Iterator[Tensor]:
        yield batches()[0]
        raise OSError

    measure_statistics(layers, layers, [])
    with pytest.raises(OSError):  # noqa: PT011 - the one raised above
        measure_statistics(layers, layers, broken())
    assert all(torch.equal(value, before[name]) for name, value in layers.state_dict().items())
    assert not any(module.training for module in layers.modules())
    assert not layers[0]._forward_pre_hooks


def test_held_statistics_stay_while_the_batch_is_normalized_by_its_own() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    layer = network[1]
    assert isinstance(layer, nn.BatchNorm1d)
    network(torch.randn(8, 3))
    assert layer.running_mean is not None
    kept = layer.running_mean.clone()
    with held_statistics(network):
        found = network(torch.randn(8, 3) + 5)
    assert torch.equal(layer.running_mean, kept)
    torch.testing.assert_close(found.mean(0), torch.zeros(4), atol=1e-6, rtol=0)
    with pytest.raises(ValueError, match="more than 1"), held_statistics(network):
        network(torch.randn(1, 3))
    assert layer.momentum == 0.1
    network(torch.randn(8, 3) + 5)
    assert not torch.equal(layer.running_mean, kept)
