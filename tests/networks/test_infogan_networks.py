"""The networks of Chen et al. 2016, against their published sizes and TensorFlow's padding."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from predictor.analysis.features import FeatureExtractor, ImageEncoder, joined_features
from predictor.errors import SettingsError, TensorContractError
from predictor.networks.infogan import (
    InfoganDiscriminator,
    InfoganDiscriminatorConfig,
    InfoganGenerator,
    InfoganGeneratorConfig,
)
from predictor.recipes import load_recipe
from predictor.structured_latents import StructuredLatents
from predictor.systems.infogan import InfoganSettings
from predictor.training.settings import validated_settings

SMALL = StructuredLatents(noise=3, categorical=(3, 2), uniform=2)
PUBLISHED = ("mnist", "mnist-official", "svhn", "celeba", "faces", "chairs")


def published(variant: str) -> tuple[InfoganGeneratorConfig, InfoganDiscriminatorConfig]:
    recipe = load_recipe(f"infogan-{variant}")
    chosen = validated_settings(InfoganSettings, recipe.settings)
    return chosen.generator.config(), chosen.discriminator.config()


def count(network: nn.Module) -> int:
    return sum(value.numel() for value in network.parameters())


def judge(**changes: object) -> InfoganDiscriminator:
    config = InfoganDiscriminatorConfig(
        shape=(1, 8, 8), latents=SMALL, maps=(4, 6), dense=7, read=5
    )
    torch.manual_seed(0)
    return InfoganDiscriminator(replace(config, **changes))  # type: ignore[arg-type] # its fields


def pictures(number: int = 4, shape: tuple[int, ...] = (1, 8, 8)) -> Tensor:
    return torch.rand(number, *shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("variant", ["mnist", "mnist-official"])
def test_the_networks_for_mnist_have_their_numbers_of_parameters(variant: str) -> None:
    made, judged = published(variant)
    with torch.device("meta"):
        generator, discriminator = InfoganGenerator(made), InfoganDiscriminator(judged)
    assert count(generator) == 6_652_481
    assert count(discriminator.convolutions) + count(discriminator.dense) == 6_558_144
    assert count(discriminator.judge) == 1_025
    assert count(discriminator.reader) == 133_262


def test_the_network_for_house_numbers_has_the_layers_of_the_table() -> None:
    of_table = published("svhn")
    with torch.device("meta"):
        generator, discriminator = InfoganGenerator(of_table[0]), InfoganDiscriminator(of_table[1])
    made = [tuple(p.shape) for p in generator.parameters() if p.ndim > 1]
    assert made == [
        (2 * 2 * 448, 168), (448, 256, 4, 4), (256, 128, 4, 4), (128, 64, 4, 4), (64, 3, 4, 4),
    ]  # fmt: skip
    normalized = [m for m in generator.modules() if isinstance(m, nn.BatchNorm2d)]
    assert [layer.num_features for layer in normalized] == [256]
    seen = [tuple(p.shape) for p in discriminator.parameters() if p.ndim > 1]
    assert seen == [
        (64, 3, 4, 4), (128, 64, 4, 4), (256, 128, 4, 4), (1, 4096), (128, 4096), (48, 128),
    ]  # fmt: skip


def test_the_network_for_celebrities_is_that_for_house_numbers_but_for_its_codes() -> None:
    codes = published("celeba")[0].latents
    for house_numbers, celebrities in zip(published("svhn"), published("celeba"), strict=True):
        assert replace(house_numbers, latents=codes) == celebrities


def test_the_network_for_faces_is_that_for_digits_on_larger_pictures() -> None:
    codes = published("faces")[0].latents
    for digits, faces in zip(published("mnist"), published("faces"), strict=True):
        assert replace(digits, latents=codes, shape=(1, 32, 32)) == faces


def test_the_grids_of_the_chairs_keep_their_size_at_a_stride_of_one() -> None:
    generator, discriminator = published("chairs")
    narrow = replace(generator, maps=(4, 4, 4, 3, 2), dense=5)
    network = InfoganGenerator(narrow).eval()
    sides = []
    for layer in network.layers:
        layer.register_forward_hook(lambda _, __, out: sides.append(out.shape[-1]))
    network(torch.zeros(1, 189))
    kept = [side for side, layer in zip(sides, network.layers, strict=True)
            if isinstance(layer, nn.ReLU)]  # fmt: skip
    assert kept == [16, 16, 32, 64]
    assert sides[-1] == 64
    seen = InfoganDiscriminator(replace(discriminator, maps=(2, 3, 4, 4, 4), dense=5))
    found = seen.activations(torch.zeros(2, 1, 64, 64))
    assert [maps.shape[-1] for maps in found] == [32, 16, 8, 8, 8]


@pytest.mark.parametrize("variant", PUBLISHED)
def test_pictures_made_are_pictures_judged(variant: str) -> None:
    generator, discriminator = published(variant)
    few = tuple(max(2, maps // 32) for maps in generator.maps)
    network = InfoganGenerator(replace(generator, maps=few, dense=min(8, generator.dense)))
    few = tuple(maps // 32 for maps in discriminator.maps)
    reader = InfoganDiscriminator(
        replace(discriminator, maps=few, dense=min(8, discriminator.dense), read=6)
    )
    with torch.no_grad():
        images = network(generator.latents.drawn(3))
        found = reader(images)
    low, high = network.pixel_range
    assert images.shape == (3, *generator.shape)
    assert low <= images.min() < images.max() <= high
    assert found.logits.shape == (3, 1)
    assert [logits.shape[1] for logits in found.codes.logits] == [*generator.latents.categorical]
    assert found.codes.means.shape == (3, generator.latents.uniform)


def test_the_heads_share_every_layer_before_them() -> None:
    """Gradients of either head reach the trunk, and no weight of the other head."""
    network = judge()
    found = network(pictures())
    for answer, own, other in (
        (found.logits.sum(), network.judge, network.reader),
        (sum(logits[:, 0].sum() for logits in found.codes.logits), network.reader, network.judge),
    ):
        trunk = [*network.convolutions.parameters(), *network.dense.parameters()]
        gradients = torch.autograd.grad(answer, trunk, retain_graph=True, allow_unused=True)
        assert all(gradient is not None for gradient in gradients)
        assert torch.autograd.grad(
            answer, [*own.parameters()][-1], retain_graph=True, allow_unused=True
        )[0] is not None  # fmt: skip
        assert torch.autograd.grad(
            answer, [*other.parameters()], retain_graph=True, allow_unused=True
        ) == (None,) * len([*other.parameters()])  # fmt: skip


def test_the_trunk_is_an_encoder_for_features() -> None:
    network = judge()
    assert isinstance(network, ImageEncoder)
    assert network.pixel_range == (0, 1)
    extractor = FeatureExtractor(network)
    assert extractor.width == 16 * (4 + 6)
    images = pictures() * 2 - 1
    expected = joined_features(network.eval().activations(pictures()))
    torch.testing.assert_close(extractor.features(images), expected.detach())


def test_outputs_of_q_are_logits_then_mean_and_variance_of_each_code() -> None:
    network = judge()
    last = network.reader[-1]
    assert isinstance(last, nn.Linear)
    nn.init.zeros_(last.weight)
    with torch.no_grad():
        last.bias.copy_(torch.arange(9))
    codes = network.eval()(pictures(1)).codes
    assert [logits.tolist() for logits in codes.logits] == [[[0, 1, 2]], [[3, 4]]]
    assert codes.means.tolist() == [[5, 7]]
    assert codes.log_variances.tolist() == [[6, 8]]


def test_a_fixed_deviation_is_what_it_was_fixed_to() -> None:
    codes = judge(deviation=0.5)(pictures()).codes
    assert torch.equal(codes.log_variances, torch.full((4, 2), math.log(0.25)))
    assert not codes.log_variances.requires_grad
    assert judge()(pictures()).codes.log_variances.requires_grad


def test_the_leak_is_a_setting() -> None:
    found = {}
    for leak in (0.1, 0.01):
        network = judge(leak=leak).eval()
        (first,) = network.activations(pictures())[:1]
        found[leak] = first.clamp(max=0).sum().item()
    assert found[0.1] < 0
    assert found[0.01] == pytest.approx(found[0.1] / 10, rel=1e-4)


def test_layers_of_the_code() -> None:
    network = judge(leak=0.07)
    normalized = [nn.BatchNorm1d, nn.LeakyReLU]
    assert [[type(part) for part in layer] for layer in network.convolutions] == [
        [nn.Conv2d, nn.LeakyReLU],
        [nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU],
    ]
    assert [type(layer) for layer in network.dense] == [nn.Linear, *normalized]
    assert [type(layer) for layer in network.reader] == [nn.Linear, *normalized, nn.Linear]
    slopes = {m.negative_slope for m in network.modules() if isinstance(m, nn.LeakyReLU)}
    assert slopes == {0.07}  # in the trunk and in Q's head
    with torch.device("meta"):
        generator = InfoganGenerator(InfoganGeneratorConfig())
    dense = [nn.Linear, nn.BatchNorm1d, nn.ReLU]
    assert [type(layer) for layer in generator.dense] == dense * 2
    assert [type(layer) for layer in generator.layers] == [
        nn.ConvTranspose2d, nn.BatchNorm2d, nn.ReLU, nn.ConvTranspose2d,
    ]  # fmt: skip


def test_strides_of_one_pad_as_tensorflow_does() -> None:
    """Kernel 4 with ``SAME``: one pixel before and two behind; transposed, that is its gradient."""
    torch.manual_seed(0)
    network = judge(maps=(2, 2), strides=(2, 1))
    plain = network.convolutions[1][1]
    assert isinstance(plain, nn.Conv2d)
    images = torch.randn(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    plain.double()
    whole = functional.conv2d(images, plain.weight, plain.bias, padding=3)
    expected = whole[..., 2:-1, 2:-1]
    padded = network.convolutions[1][0](images)
    torch.testing.assert_close(plain(padded), expected)

    config = InfoganGeneratorConfig(
        shape=(1, 8, 8), latents=SMALL, dense=5, maps=(2, 2), strides=(1, 2)
    )
    transposed, crop = InfoganGenerator(config).layers[:2]
    assert isinstance(transposed, nn.ConvTranspose2d)
    transposed.double()
    wave = torch.randn(1, 2, 4, 4, dtype=torch.float64)
    forward = functional.conv2d(functional.pad(images, (1, 2, 1, 2)), transposed.weight)
    (gradient,) = torch.autograd.grad((forward * wave).sum(), images)
    assert transposed.bias is not None
    torch.testing.assert_close(crop(transposed(wave)), gradient + transposed.bias[:, None, None])


def test_first_weights_have_the_published_deviations() -> None:
    torch.manual_seed(0)
    generator, discriminator = (
        InfoganGenerator(InfoganGeneratorConfig()),
        InfoganDiscriminator(InfoganDiscriminatorConfig()),
    )
    second = discriminator.convolutions[1][0]
    assert isinstance(second, nn.Conv2d)
    assert second.weight.abs().max() <= 0.04
    assert second.weight.std().item() == pytest.approx(0.02 * 0.8796, rel=0.02)
    dense = generator.dense[3]
    assert isinstance(dense, nn.Linear)
    assert dense.weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert dense.weight.abs().max() > 0.06
    gains = generator.dense[4]
    assert isinstance(gains, nn.BatchNorm1d)
    assert gains.weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert (gains.eps, gains.momentum) == (1e-5, 0.1)
    biases = [m.bias for m in (*generator.modules(), *discriminator.modules())
              if isinstance(m, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)]  # fmt: skip
    assert all(bias is not None and not bias.any() for bias in biases)


def test_wrong_tensors_are_refused() -> None:
    config = InfoganGeneratorConfig(shape=(1, 8, 8), latents=SMALL, dense=5, maps=(4, 3))
    generator = InfoganGenerator(config)
    with pytest.raises(TensorContractError, match=r"\(2, 9\), expected \(N, 10\)"):
        generator(torch.zeros(2, 9))
    with pytest.raises(TensorContractError, match="without classes"):
        generator(torch.zeros(2, 10), torch.zeros(2, dtype=torch.int64))
    with pytest.raises(TensorContractError, match="images are 6x8, expected 8x8"):
        judge()(pictures(shape=(1, 8, 6)))
    with pytest.raises(TensorContractError, match="3 channels, expected 1"):
        judge()(pictures(shape=(3, 8, 8)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shape": (1, 10, 10)}, "multiples of 4: the layers halve 2 times"),
        ({"strides": (2,)}, r"strides is \(2,\), expected 1 or 2 for each of"),
        ({"maps": ()}, "expected 1 or more each"),
        ({"dense": -1}, "dense"),
    ],
)
def test_configs_that_cannot_work(changes: dict[str, object], message: str) -> None:
    for kind in (InfoganGeneratorConfig, InfoganDiscriminatorConfig):
        with pytest.raises(SettingsError, match=message):
            kind(**changes)  # type: ignore[arg-type] # its fields
    with pytest.raises(SettingsError, match="plain is 2, expected 0 to 1"):
        InfoganGeneratorConfig(plain=2)
    with pytest.raises(SettingsError, match="deviation is 0"):
        InfoganDiscriminatorConfig(deviation=0)
