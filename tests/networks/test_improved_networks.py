"""The networks of Salimans et al. 2016: sizes, noise, normalization."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import nn

from predictor.errors import SettingsError, TensorContractError
from predictor.networks.convolutional_classifier import (
    ConvolutionalClassifier,
    ConvolutionalClassifierConfig,
)
from predictor.networks.dense_classifier import DenseClassifier, DenseClassifierConfig
from predictor.networks.minibatch_discrimination import NormalizedMinibatchDiscrimination
from predictor.networks.noise import GaussianNoise
from predictor.networks.normalization import WithoutGain
from predictor.networks.normalized_generator import (
    NormalizedConvolutionalGenerator,
    NormalizedConvolutionalGeneratorConfig,
    NormalizedDenseGenerator,
    NormalizedDenseGeneratorConfig,
)
from predictor.networks.weight_normalization import WeightNormConvolution, WeightNormLinear


def trained(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def classifier(**values: Any) -> DenseClassifier:
    torch.manual_seed(0)
    return DenseClassifier(DenseClassifierConfig(**values))


def generator(**values: Any) -> NormalizedDenseGenerator:
    torch.manual_seed(0)
    return NormalizedDenseGenerator(NormalizedDenseGeneratorConfig(**values))


def convolutional(**values: Any) -> ConvolutionalClassifier:
    torch.manual_seed(0)
    return ConvolutionalClassifier(ConvolutionalClassifierConfig(**values))


def transposed(**values: Any) -> NormalizedConvolutionalGenerator:
    torch.manual_seed(0)
    return NormalizedConvolutionalGenerator(NormalizedConvolutionalGeneratorConfig(**values))


SMALL: dict[str, Any] = {"shape": (1, 4, 4), "hidden": (8, 6)}


def test_parameters_of_the_mnist_pair() -> None:
    dense = [784, 1000, 500, 250, 250, 250, 10]
    weights = sum(n * m + m for n, m in pairwise(dense))
    assert trained(classifier()) == weights + 10  # the scale of the last layer alone
    # Weights, and of each normalization a bias; weights, bias and scale of the pixels
    assert trained(generator()) == 100 * 500 + 500 + 500 * 500 + 500 + 500 * 784 + 2 * 784


def test_parameters_of_the_convolutional_pairs() -> None:
    assert trained(convolutional()) == 1_406_804
    assert trained(convolutional(maps=(64, 128))) == 626_580
    kernels = 100 * 5 * 192 + 100 * 5 + 100 + 100 * 10  # and ten weights more each to the logits
    assert trained(convolutional(minibatch="code")) == 1_406_804 + kernels
    layers = [100 * 8192 + 8192, 512 * 256 * 25 + 256, 256 * 128 * 25 + 128, 128 * 3 * 25 + 3 + 3]
    assert trained(transposed()) == sum(layers)


def test_layers_of_the_code() -> None:
    leaky = [WeightNormConvolution, nn.LeakyReLU]
    assert [type(layer) for layer in convolutional().hidden] == [
        GaussianNoise, nn.Dropout, *leaky * 3, nn.Dropout, *leaky * 3, nn.Dropout, *leaky * 3,
    ]  # fmt: skip
    slopes = {m.negative_slope for m in convolutional().modules() if isinstance(m, nn.LeakyReLU)}
    assert slopes == {0.2}
    dense = [GaussianNoise, WeightNormLinear, nn.ReLU]
    assert [type(layer) for layer in classifier().hidden] == dense * 5
    assert [type(layer) for layer in classifier(minibatch="code").last] == [
        NormalizedMinibatchDiscrimination, GaussianNoise, WeightNormLinear,
    ]  # fmt: skip
    painted = [nn.Linear, WithoutGain, nn.Softplus]
    assert [type(layer) for layer in generator().hidden] == painted * 2
    painter = transposed()
    assert [type(layer) for layer in painter.project] == [nn.Linear, WithoutGain, nn.ReLU]
    doubled = [nn.ConvTranspose2d, WithoutGain, nn.ReLU]
    assert [type(layer) for layer in painter.hidden] == doubled * 2


def test_first_weights_of_the_code() -> None:
    """Their length decides how fast a normalized weight turns."""
    for network, deviation in ((classifier(), 0.1), (convolutional(), 0.05), (transposed(), 0.05)):
        for name, weight in network.named_parameters():
            if weight.ndim > 1 and weight.numel() > 5000:
                assert weight.std().item() == pytest.approx(deviation, rel=0.05), name
    bound = (6 / (100 + 500)) ** 0.5  # Glorot and Bengio 2010, which is Lasagne's own
    first = generator().hidden[0].weight
    assert first.abs().max().item() == pytest.approx(bound, rel=0.01)
    assert first.std().item() == pytest.approx(bound / 3**0.5, rel=0.02)


def test_the_mnist_generator_does_not_begin_by_data() -> None:
    network = generator(**SMALL, latent=5)
    before = {name: value.clone() for name, value in network.last.state_dict().items()}
    assert before["scale"].eq(1).all()
    network.prepare(50)
    assert all(torch.equal(before[n], v) for n, v in network.last.state_dict().items())


def test_no_epsilon_stands_beside_the_lengths_of_the_dense_weights() -> None:
    network = classifier(**SMALL, classes=3, input_noise=0.0, noise=0.0)
    images = torch.rand(5, 1, 4, 4)
    before = network(images).logits
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if name.endswith("direction"):
                weight *= 1e-6
    assert torch.allclose(network(images).logits, before, rtol=1e-4, atol=1e-5)


def test_noise_stands_before_every_layer_and_only_in_training() -> None:
    network = classifier()
    found = [m.deviation for m in network.modules() if isinstance(m, GaussianNoise)]
    assert found == [0.3, 0.5, 0.5, 0.5, 0.5, 0.5]
    images = torch.rand(3, 1, 28, 28)
    noisy = [network(images).logits for _ in range(2)]
    assert not torch.equal(*noisy)
    network.eval()
    assert torch.equal(network(images).logits, network(images).logits)


def test_noise_has_the_deviation_asked_for() -> None:
    torch.manual_seed(0)
    values = torch.full((20_000,), 2.0)
    noisy = GaussianNoise(0.3)(values)
    assert noisy.std().item() == pytest.approx(0.3, rel=0.02)
    assert noisy.mean().item() == pytest.approx(2.0, abs=0.01)
    assert torch.equal(values, torch.full((20_000,), 2.0))
    assert GaussianNoise(0.0)(values) is values


def test_features_are_those_of_the_last_hidden_layer_before_its_noise() -> None:
    network = classifier(**SMALL, classes=3).eval()
    found = network(torch.rand(5, 1, 4, 4))
    assert found.features.shape == (5, 6)
    assert (found.features >= 0).all()
    assert torch.equal(network.last(found.features), found.logits)


def test_batches_in_one_pass_are_as_each_by_itself() -> None:
    network = classifier(**SMALL, classes=3).eval()
    batches = [torch.rand(count, 1, 4, 4) for count in (2, 3, 1)]
    for batch, found in zip(batches, network.apart(batches), strict=True):
        alone = network(batch)
        assert torch.allclose(found.logits, alone.logits, atol=1e-6)
        assert torch.allclose(found.features, alone.features, atol=1e-6)


def test_it_begins_by_what_it_sees_in_real_images() -> None:
    network = classifier(**SMALL, classes=3, input_noise=0.0, noise=0.0)
    images = torch.rand(500, 1, 4, 4)
    network.prepare(images)
    logits = network(images).logits
    assert torch.allclose(logits.mean(0), torch.zeros(3), atol=1e-5)
    assert torch.allclose(logits.std(0, correction=0), torch.ones(3), atol=1e-4)


def test_hidden_units_of_the_generator_are_normalized_with_a_bias_and_no_gain() -> None:
    network = generator(**SMALL, latent=5)
    layers = [m for m in network.modules() if isinstance(m, WithoutGain)]
    assert [(m.normalize.weight, m.normalize.eps) for m in layers] == [(None, 1e-6)] * 2
    with torch.no_grad():
        layers[0].bias.copy_(torch.linspace(-1, 1, 8))
    seen: list[torch.Tensor] = []
    layers[0].register_forward_hook(lambda module, given, found: seen.append(found))
    images = network(torch.rand(64, 5))
    assert torch.allclose(seen[0].mean(0), layers[0].bias, atol=1e-5)
    assert torch.allclose(seen[0].std(0, correction=0), torch.ones(8), atol=1e-3)
    assert images.shape == (64, 1, 4, 4)
    assert 0 < images.min() < images.max() < 1
    assert network.eval()(torch.rand(1, 5)).shape == (1, 1, 4, 4)  # by running statistics


TINY: dict[str, Any] = {"shape": (1, 16, 16), "maps": (4, 6)}


def test_maps_of_the_convolutional_classifier() -> None:
    network = convolutional(**TINY, classes=3).eval()
    sizes: list[tuple[int, ...]] = []
    for layer in network.hidden:
        if isinstance(layer, nn.LeakyReLU):
            layer.register_forward_hook(lambda module, given, out: sizes.append(out.shape[1:]))
    images = torch.rand(2, 1, 16, 16) * 2 - 1
    found = network(images)
    assert (
        sizes == [(4, 16, 16)] * 2 + [(4, 8, 8), (6, 8, 8), (6, 8, 8), (6, 4, 4)] + [(6, 2, 2)] * 3
    )
    assert torch.equal(found.features, network.hidden(images).mean((2, 3)))
    assert found.logits.shape == (2, 3)
    dropped = [m.p for m in network.modules() if isinstance(m, nn.Dropout)]
    assert dropped == [0.2, 0.5, 0.5]


def test_convolutional_pair_begins_by_data() -> None:
    network = convolutional(**TINY, classes=3, input_dropout=0.0, dropout=0.0)
    images = torch.rand(200, 1, 16, 16) * 2 - 1
    network.prepare(images)
    logits = network(images).logits
    assert torch.allclose(logits.mean(0), torch.zeros(3), atol=1e-4)
    assert torch.allclose(logits.std(0, correction=0), torch.full((3,), 0.1), atol=1e-4)
    painter = transposed(shape=(1, 16, 16), latent=5, maps=(6, 4))
    painter.prepare(200)
    before_tanh = painter(torch.rand(200, 5)).atanh()
    assert before_tanh.std().item() == pytest.approx(0.1, rel=0.1)
    assert before_tanh.mean().item() == pytest.approx(0, abs=0.02)


def test_batches_do_not_see_each_other_in_minibatch_discrimination() -> None:
    for network in (
        convolutional(**TINY, classes=3, minibatch="code").eval(),
        classifier(shape=(1, 16, 16), hidden=(8, 6), classes=3, minibatch="paper").eval(),
    ):
        batches = [torch.rand(count, 1, 16, 16) for count in (4, 3)]
        for batch, found in zip(batches, network.apart(batches), strict=True):
            assert torch.allclose(found.logits, network(batch).logits, atol=1e-5)
        crowd = network(torch.cat(batches))
        assert not torch.allclose(crowd.logits[:4], network(batches[0]).logits, atol=1e-3)


@pytest.mark.parametrize("make", [generator, transposed])
def test_a_picture_does_not_depend_on_the_others_under_virtual_normalization(make: Any) -> None:
    small = {"shape": (1, 16, 16), "latent": 5, "normalization": "virtual", "references": 7}
    network = make(**small)
    latents = torch.rand(6, 5)
    together = network(latents)
    assert together.shape == (6, 1, 16, 16)
    assert torch.allclose(network(latents[2:3]), together[2:3], atol=1e-5)
    assert "reference" in network.state_dict()
    usual = make(**small | {"normalization": "batch"})
    assert not torch.allclose(usual(latents[2:4]), usual(latents)[2:4], atol=1e-3)


def test_the_code_s_first_layer_is_normalized_unit_by_unit() -> None:
    network = transposed(shape=(3, 32, 32), maps=(8, 4))
    kinds = [m.num_features for m in network.modules() if isinstance(m, nn.BatchNorm1d)]
    assert kinds == [8 * 8 * 8]
    assert network(torch.rand(2, 100)).abs().max() < 1


@pytest.mark.parametrize(
    "values",
    [
        {"shape": (3, 11, 32)},
        {"maps": (0, 1)},
        {"classes": 1},
        {"dropout": 1.0},
        {"input_noise": -1.0},
        {"minibatch_kernels": 0},
    ],
)
def test_impossible_convolutional_classifiers_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        ConvolutionalClassifierConfig(**values)


@pytest.mark.parametrize("values", [{"shape": (3, 30, 32)}, {"maps": ()}, {"references": 0}])
def test_impossible_convolutional_generators_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        NormalizedConvolutionalGeneratorConfig(**values)


def test_plain_weights_are_an_ordinary_linear_layer() -> None:
    network = classifier(**SMALL, weights="plain")
    layers = [m for m in network.modules() if isinstance(m, nn.Linear)]
    assert len(layers) == 3
    assert layers[0].weight.std().item() == pytest.approx(0.1, rel=0.2)


@pytest.mark.parametrize(
    "values",
    [{"hidden": ()}, {"hidden": (0,)}, {"classes": 1}, {"noise": -0.1}, {"weight_deviation": 0.0}],
)
def test_impossible_classifiers_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        DenseClassifierConfig(**values)


@pytest.mark.parametrize("values", [{"hidden": ()}, {"latent": 0}, {"normalization_epsilon": 0.0}])
def test_impossible_generators_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        NormalizedDenseGeneratorConfig(**values)


def test_tensors_that_do_not_fit_are_refused() -> None:
    with pytest.raises(TensorContractError, match="expected"):
        classifier()(torch.rand(1, 1, 27, 28))
    with pytest.raises(TensorContractError, match="expected"):
        generator()(torch.rand(2, 99))
    with pytest.raises(TensorContractError, match="labels"):
        generator()(torch.rand(2, 100), torch.zeros(2))  # type: ignore[arg-type]
