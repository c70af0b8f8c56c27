"""The large networks for finer levels: layers of the code, and a pyramid that can have them."""

from pathlib import Path

import pytest
import torch
from released import NOWHERE
from torch import nn

from predictor.errors import SettingsError, TensorContractError
from predictor.networks.dense_generator import DenseGeneratorConfig
from predictor.networks.laplacian import (
    LaplacianGenerator,
    LaplacianGeneratorConfig,
)
from predictor.networks.laplacian_detail import DetailDiscriminator, DetailGenerator
from predictor.networks.laplacian_large import (
    LargeDetailDiscriminatorConfig,
    LargeDetailGeneratorConfig,
    PairPooling,
)
from predictor.weights import load_network, save_network


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_weights_are_as_many_as_in_the_code() -> None:
    generator = DetailGenerator(LargeDetailGeneratorConfig())
    convolutions = [
        (4, 64, 7, 1),
        (64, 368, 7, 4),
        (368, 128, 7, 4),
        (64, 224, 5, 2),
        (224, 3, 7, 1),
    ]
    assert parameters(generator) == sum(
        i // groups * o * k * k + o for i, o, k, groups in convolutions
    )
    discriminator = DetailDiscriminator(LargeDetailDiscriminatorConfig())
    assert discriminator.layers[-1].in_features == 166_400
    convolutions = [(3, 48, 3, 1), (48, 448, 5, 4), (448, 416, 7, 16)]
    assert parameters(discriminator) == 166_401 + sum(
        i // groups * o * k * k + o for i, o, k, groups in convolutions
    )


def test_the_normalization_stands_behind_the_rectifier_and_whole_maps_are_dropped() -> None:
    layers = DetailGenerator(LargeDetailGeneratorConfig()).layers
    rectified = [nn.Conv2d, nn.ReLU, nn.BatchNorm2d]
    assert [type(layer) for layer in layers] == [
        *rectified, *rectified, nn.Dropout2d, *rectified, PairPooling, *rectified, nn.Dropout2d,
        nn.Conv2d, nn.BatchNorm2d,
    ]  # fmt: skip
    assert {layer.p for layer in layers if isinstance(layer, nn.Dropout2d)} == {0.5}
    assert not any(layer.affine for layer in layers if isinstance(layer, nn.BatchNorm2d))
    judge = DetailDiscriminator(LargeDetailDiscriminatorConfig()).layers
    assert [type(layer) for layer in judge] == [nn.Conv2d, nn.ReLU] * 3 + [nn.Flatten, nn.Linear]


def test_pairs_become_their_length() -> None:
    maps = torch.tensor([3.0, 4.0, 0.0, 0.0]).reshape(1, 4, 1, 1).requires_grad_()
    pooled = PairPooling()(maps)
    assert torch.allclose(pooled.flatten(), torch.tensor([5.0, 0.0]), atol=1e-5)
    pooled.sum().backward()
    assert maps.grad is not None
    assert torch.allclose(maps.grad.flatten(), torch.tensor([0.6, 0.8, 0.0, 0.0]), atol=1e-5)
    assert torch.autograd.gradcheck(
        PairPooling(), torch.rand(2, 4, 1, 2, dtype=torch.float64, requires_grad=True)
    )


def test_labels_enter_both_and_only_the_sum_is_judged() -> None:
    torch.manual_seed(0)
    judge = DetailDiscriminator(LargeDetailDiscriminatorConfig((1, 13, 14), classes=3))
    detail, coarse, labels = (
        torch.rand(2, 1, 13, 14),
        torch.rand(2, 1, 13, 14),
        torch.tensor([0, 2]),
    )
    logits = judge(detail, coarse, labels)
    assert logits.shape == (2, 1)
    assert torch.allclose(judge(detail + 0.5, coarse - 0.5, labels), logits, atol=1e-5)
    assert not torch.allclose(judge(detail, coarse, labels.flip(0)), logits)
    with pytest.raises(TensorContractError):
        judge(detail, coarse)
    generator = DetailGenerator(LargeDetailGeneratorConfig((1, 5, 6), classes=3)).eval()
    latents, look = torch.rand(2, 30), torch.rand(2, 1, 5, 6)
    made = generator(latents, look, labels)
    assert made.shape == look.shape
    assert not torch.allclose(generator(latents, look, labels.flip(0)), made)
    with pytest.raises(SettingsError, match="13x13"):
        LargeDetailDiscriminatorConfig((3, 12, 12))


def test_a_pyramid_of_them_is_written_and_read(tmp_path: Path) -> None:
    config = LaplacianGeneratorConfig(
        DenseGeneratorConfig(
            (1, 4, 4), 3, "uniform", hidden=(4,), activations=("relu",), units="standardized"
        ),
        (LargeDetailGeneratorConfig((1, 8, 8), dropout=0.25),),
    )
    torch.manual_seed(0)
    network = LaplacianGenerator(config).eval()
    path = tmp_path / "pyramid.safetensors"
    save_network(path, "laplacian-generator", network, NOWHERE, task="lapgan")
    read, _ = load_network(path)
    assert isinstance(read, LaplacianGenerator)
    assert read.config == config
    latents = torch.rand(2, read.latent_width)
    with torch.no_grad():
        assert torch.allclose(read(latents), network(latents), atol=1e-2)
