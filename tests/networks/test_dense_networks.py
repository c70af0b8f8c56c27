"""The fully connected networks: sizes of the papers, maxout, dropout, labels, first weights."""

from typing import Any

import pytest
import torch
from torch import nn

from predictor.errors import SettingsError, TensorContractError
from predictor.networks.dense_discriminator import (
    DenseDiscriminator,
    DenseDiscriminatorConfig,
    PooledConvolution,
)
from predictor.networks.dense_generator import DenseGenerator, DenseGeneratorConfig
from predictor.networks.label_input import with_labels
from predictor.networks.maxout import MaxoutConvolution, MaxoutLinear
from predictor.recipes import load_recipe

CIFAR: dict[str, Any] = {"shape": (3, 32, 32), "units": "standardized"}


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def generator(**values: Any) -> DenseGenerator:
    return DenseGenerator(DenseGeneratorConfig(**values))


CIFAR_CONVOLUTIONS = tuple(
    PooledConvolution(**values)
    for values in load_recipe("gan-cifar10-convolutional").settings["discriminator"]["convolutions"]
)


def discriminator(**values: Any) -> DenseDiscriminator:
    return DenseDiscriminator(DenseDiscriminatorConfig(**values))


def test_parameters_of_the_mnist_pair() -> None:
    assert count(generator()) == 2_503_984
    assert count(discriminator()) == 1_231_441


def test_parameters_of_the_baseline_of_denton() -> None:
    with torch.device("meta"):
        painter = generator(**CIFAR, hidden=(8000, 8000), activations=("relu", "sigmoid"))
        judge = discriminator(**CIFAR, hidden=(1600, 1600), pieces=1, input_dropout=0.0)
    assert count(painter) == 89_395_072
    assert count(judge) == 7_480_001


def test_convolutional_pair_of_cifar() -> None:
    with torch.device("meta"):
        painter = generator(**CIFAR, hidden=(8000, 8000), activations=("relu", "sigmoid"), maps=80)
        judge = discriminator(**CIFAR, convolutions=CIFAR_CONVOLUTIONS, hidden=(500,))
        assert painter(torch.empty(2, 100)).shape == (2, 3, 32, 32)
        assert judge(torch.empty(2, 3, 32, 32)).shape == (2, 1)
    # 100·8000 + 8000 + 8000² + 8000 + 80·3·25 + 3072; the bias of every pixel is its own
    assert count(painter) == 64_825_072
    convolutions = (3 * 64 + 1) * 64 + (32 * 64 + 1) * 64 + (32 * 25 + 1) * 384
    assert count(judge) == convolutions + (192 * 25 + 1) * 2500 + 501


def test_maxout_of_equal_pieces_is_affine() -> None:
    torch.manual_seed(0)
    layer, affine = MaxoutLinear(6, 4, 5), nn.Linear(6, 4)
    with torch.no_grad():
        layer.maps.weight.copy_(affine.weight.repeat_interleave(5, dim=0))
        layer.maps.bias.copy_(affine.bias.repeat_interleave(5))
    x = torch.randn(3, 6)
    assert torch.allclose(layer(x), affine(x), atol=1e-6)


def test_maxout_takes_the_largest_of_its_own_pieces() -> None:
    torch.manual_seed(0)
    layer, x = MaxoutLinear(6, 4, 3), torch.randn(2, 6)
    found = layer(x)
    values = layer.maps(x)
    for unit in range(4):
        assert torch.equal(found[:, unit], values[:, 3 * unit : 3 * unit + 3].amax(1))
    planes = MaxoutConvolution(2, 4, 3, kernel=3, padding=1)
    x = torch.randn(2, 2, 5, 5)
    assert torch.equal(planes(x)[:, 1], planes.maps(x)[:, 3:6].amax(1))


def test_dropout_of_the_first_layer_and_the_others() -> None:
    torch.manual_seed(0)
    judge = discriminator()
    seen: list[torch.Tensor] = []
    for module in judge.modules():
        if isinstance(module, nn.Linear):
            module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    judge.train()(torch.ones(400, 1, 28, 28))
    first, second, third = seen
    assert first.unique().tolist() == [0, 1.25]
    assert (first == 0).float().mean().item() == pytest.approx(0.2, abs=0.01)
    for features in (second, third):
        assert (features == 0).float().mean().item() == pytest.approx(0.5, abs=0.02)
    x = torch.rand(3, 1, 28, 28)
    assert torch.equal(judge.eval()(x), judge(x))


def test_first_weights() -> None:
    torch.manual_seed(0)
    painter, judge = generator(last_scale=0.5), discriminator()
    for linear, half_width in ((painter.hidden[0], 0.05), (painter.last, 0.5)):
        assert linear.weight.abs().max().item() == pytest.approx(half_width, rel=1e-3)
        assert linear.weight.std().item() == pytest.approx(half_width / 3**0.5, rel=0.01)
    assert painter.hidden[0].bias.abs().max() == 0
    assert all(parameter.abs().max() <= 0.005 for parameter in judge.parameters())
    normal = generator(initialization="normal", scale=0.05)
    assert normal.hidden[2].weight.std().item() == pytest.approx(0.05, rel=0.01)
    usual = generator(initialization="torch")
    assert usual.pixel_bias.abs().max().item() == pytest.approx(1200**-0.5, rel=0.02)


def test_last_bias_begins_at_the_logit_of_the_pixel_means() -> None:
    painter = generator(hidden=(4,), activations=("relu",))
    mean = torch.linspace(-1, 1, 784).reshape(1, 28, 28)
    painter.prepare(mean, torch.ones(1, 28, 28))
    nn.init.zeros_(painter.last.weight)
    expected = ((mean + 1) / 2).clamp(1e-7, 1 - 1e-7)
    assert torch.allclose(painter(torch.zeros(1, 100))[0], expected, atol=1e-6)
    assert painter.pixel_bias.isfinite().all()
    without = generator(hidden=(4,), activations=("relu",), bias_from_data=False)
    without.prepare(mean, torch.ones(1, 28, 28))
    assert without.pixel_bias.abs().max() == 0


def test_labels_enter_both_networks() -> None:
    torch.manual_seed(0)
    painter = generator(classes=3, hidden=(8,), activations=("relu",)).eval()
    judge = discriminator(classes=3, hidden=(8,)).eval()
    assert painter.hidden[0].in_features == 103
    latents = torch.randn(1, 100).expand(3, -1)
    pictures = painter(latents, torch.arange(3))
    assert not torch.allclose(pictures[0], pictures[1], atol=1e-4)
    logits = judge(pictures[:1].expand(3, -1, -1, -1), torch.arange(3))
    assert len(logits.unique()) == 3


def test_label_is_a_one_hot_row_or_plane() -> None:
    rows = with_labels(torch.zeros(2, 1), torch.tensor([2, 0]), 3)
    assert rows.tolist() == [[0, 0, 0, 1], [0, 1, 0, 0]]
    planes = with_labels(torch.zeros(2, 1, 2, 2), torch.tensor([2, 0]), 3)
    assert torch.equal(planes[:, 1:], rows[:, 1:, None, None].expand(-1, -1, 2, 2))


@pytest.mark.parametrize(
    ("labels", "classes", "said"),
    [
        (None, 3, "needs labels, of 3 classes"),
        (torch.tensor([0, 1]), None, "network without classes"),
        (torch.tensor([0, 3]), 3, "not all within 0 to 2"),
        (torch.tensor([0]), 3, r"expected int64 \(2,\)"),
        (torch.tensor([0.0, 1.0]), 3, r"expected int64 \(2,\)"),
    ],
)
def test_wrong_labels_are_refused(
    labels: torch.Tensor | None, classes: int | None, said: str
) -> None:
    with pytest.raises(TensorContractError, match=said):
        with_labels(torch.zeros(2, 4), labels, classes)


@pytest.mark.parametrize(
    ("config", "values", "said"),
    [
        (DenseGeneratorConfig, {"hidden": (4,)}, "one activation for each layer"),
        (DenseGeneratorConfig, {"latent": 0}, "at least 1"),
        (DenseGeneratorConfig, {"maps": 80}, "the last hidden layer has 1200"),
        (DenseDiscriminatorConfig, {"hidden": ()}, "at least 1"),
        (DenseDiscriminatorConfig, {"dropout": 1.0}, "below 1"),
        (
            DenseDiscriminatorConfig,
            {"convolutions": CIFAR_CONVOLUTIONS, "shape": (3, 4, 4)},
            "does not fit",
        ),
        (
            DenseDiscriminatorConfig,
            {"convolutions": CIFAR_CONVOLUTIONS, "shape": (3, 32, 32), "classes": 10},
            "expected one of them",
        ),
    ],
)
def test_what_cannot_work_is_refused(config: Any, values: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        config(**values)
