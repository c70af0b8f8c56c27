"""What examples have in common: closed forms, and a loop that counts pair by pair."""

import math
from collections.abc import Callable

import pytest
import torch

from predictor.networks.minibatch_discrimination import (
    MinibatchDiscrimination,
    NormalizedMinibatchDiscrimination,
)
from predictor.networks.weight_normalization import begin_from_data


def features(count: int = 6, width: int = 4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, width, dtype=torch.float64, generator=generator)


def paper() -> MinibatchDiscrimination:
    torch.manual_seed(0)
    return MinibatchDiscrimination(4, kernels=3, width=2).double()


def code() -> NormalizedMinibatchDiscrimination:
    torch.manual_seed(0)
    return NormalizedMinibatchDiscrimination(4, kernels=3, width=2).double()


def test_a_batch_of_one_picture_is_as_close_as_can_be() -> None:
    same = features(1).expand(5, 4)
    assert torch.allclose(paper()(same)[:, 4:], torch.tensor(5.0).double())  # all, itself too
    assert torch.allclose(code()(same)[:, 4:] + 1, torch.tensor(4.0).double())  # bias -1


def test_the_paper_s_sum_pair_by_pair() -> None:
    layer, seen = paper(), features()
    found = layer(seen)
    assert torch.equal(found[:, :4], seen)
    for i in range(6):
        for b in range(3):
            matrices = [layer.kernels[b] @ seen[j] for j in range(6)]
            expected = sum(
                math.exp(-(matrices[i] - matrices[j]).abs().sum().item()) for j in range(6)
            )
            assert found[i, 4 + b].item() == pytest.approx(expected)


def test_the_code_s_kernels_have_the_length_of_their_scale() -> None:
    layer, seen = code(), features()
    with torch.no_grad():
        layer.log_scale.copy_(torch.randn(3, 2))
    found = layer(seen)
    kernels = torch.nn.functional.normalize(layer.direction, dim=2)
    kernels = kernels * layer.log_scale.exp()[..., None]
    for i in range(6):
        for b in range(3):
            others = [
                math.exp(-(kernels[b] @ (seen[i] - seen[j])).abs().sum().item())
                for j in range(6)
                if j != i
            ]
            assert found[i, 4 + b].item() == pytest.approx(sum(others) - 1)


def test_it_begins_with_the_nearest_at_two_and_a_mean_of_zero() -> None:
    layer, seen = code(), 7 * features(50)
    begin_from_data(layer, lambda: layer(seen))
    kernels = torch.nn.functional.normalize(layer.direction, dim=2)
    seen_by = torch.einsum("nf,bcf->bnc", seen, kernels * layer.log_scale.exp()[..., None])
    distances = torch.cdist(seen_by, seen_by, p=1) + 1e6 * torch.eye(50)
    nearest = distances.amin(dim=2).mean(dim=1)
    assert torch.allclose(nearest, torch.tensor(2.0).double())
    assert torch.allclose(layer(seen)[:, 4:].mean(0), torch.zeros(3).double(), atol=1e-12)


@pytest.mark.parametrize("make", [paper, code])
def test_gradients(make: type) -> None:
    assert torch.autograd.gradcheck(make(), (features(3).requires_grad_(),))


@pytest.mark.parametrize("make", [paper, code])
def test_evaluation_sees_sums_as_large_as_in_training(
    make: Callable[[], MinibatchDiscrimination | NormalizedMinibatchDiscrimination],
) -> None:
    layer, seen = make(), 3 * features(2000)
    trained = layer(seen[:100])
    layer.eval()
    assert torch.equal(layer(seen[:100]), trained)
    usual = (trained[:, 4:] - getattr(layer, "bias", 0)).mean()
    for count in (40, 500, 2000):
        found = (layer(seen[:count])[:, 4:] - getattr(layer, "bias", 0)).mean()
        assert found.item() == pytest.approx(usual.item(), rel=0.15)
    for count in (2, 5):
        parts = [layer(part)[:, 4:] - getattr(layer, "bias", 0) for part in seen.split(count)]
        assert torch.cat(parts).mean().item() == pytest.approx(usual.item(), rel=0.15)


def test_a_picture_alone_is_close_to_itself_only() -> None:
    for layer, own in ((paper(), 1), (code(), -1)):
        layer(features(100))
        assert torch.equal(layer.eval()(features(1))[:, 4:], torch.full((1, 3), own).double())


@pytest.mark.parametrize("make", [paper, code])
def test_the_first_batch_says_how_large_sums_are(
    make: Callable[[], MinibatchDiscrimination | NormalizedMinibatchDiscrimination],
) -> None:
    layer, seen = make(), 3 * features(2000)
    with torch.no_grad():
        layer(seen)  # no step of training, such as what initializes from data
    few = layer(seen[:100])
    assert torch.allclose(few, make()(seen[:100]))
    assert layer.trained_count == 100
    many = layer(seen)
    assert layer.trained_count == 100
    more = getattr(layer, "bias", 0)
    usual = (few[:, 4:] - more).mean().item()
    assert (many[:, 4:] - more).mean().item() == pytest.approx(usual, rel=0.15)


@pytest.mark.parametrize("make", [paper, code])
def test_the_size_of_a_training_batch_is_stored(
    make: Callable[[], MinibatchDiscrimination | NormalizedMinibatchDiscrimination],
) -> None:
    layer, seen = make(), features(40)
    layer(seen[:8])
    other = make().eval()
    assert torch.equal(other(seen), make()(seen))  # never trained: as it is
    other.load_state_dict(layer.state_dict())
    assert torch.equal(other(seen), layer.eval()(seen))
