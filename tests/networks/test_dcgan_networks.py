"""The networks of Radford et al. 2015, against the counts and arrays of the released code."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from predictor.errors import SettingsError, TensorContractError
from predictor.networks.dcgan import (
    DcganDiscriminator,
    DcganDiscriminatorConfig,
    DcganGenerator,
    DcganGeneratorConfig,
    usual_maps,
)
from predictor.networks.dcgan_variants import DCGAN_VARIANTS

NARROW = DcganGeneratorConfig(size=(32, 32), latent=6, maps=(8, 6, 4))
JUDGE = DcganDiscriminatorConfig(size=(32, 32), maps=(4, 6, 8))


def count(network: nn.Module) -> int:
    return sum(value.numel() for value in network.parameters())


def shapes(network: nn.Module) -> list[tuple[int, ...]]:
    return [tuple(value.shape) for value in network.parameters()]


def latents(config: DcganGeneratorConfig, number: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(number, config.latent, generator=generator) * 2 - 1


@pytest.mark.parametrize(
    ("variant", "generator", "discriminator"),
    [
        ("torch", 3_576_704, 2_765_568),
        # 100 x 16384, four transposed convolutions of 5 x 5, gains and biases of four layers
        ("paper", 1_638_400 + 25 * (1024 * 512 + 512 * 256 + 256 * 128 + 128 * 3) + 2 * 1920,
         25 * (3 * 128 + 128 * 256 + 256 * 512 + 512 * 1024) + 2 * 1792 + 16_384),
        ("theano-faces",
         1_638_400 + 25 * (1024 * 512 + 512 * 256 + 256 * 128 + 128 * 3) + 2 * (16_384 + 896),
         25 * (3 * 128 + 128 * 256 + 256 * 512 + 512 * 1024) + 2 * 1792 + 16_384),
    ],
)  # fmt: skip
def test_the_published_networks_have_their_numbers_of_parameters(
    variant: str, generator: int, discriminator: int
) -> None:
    with torch.device("meta"):
        assert count(DcganGenerator(DCGAN_VARIANTS[variant][0])) == generator
        assert count(DcganDiscriminator(DCGAN_VARIANTS[variant][1])) == discriminator


def test_the_networks_for_imagenet_have_the_arrays_that_were_released() -> None:
    with torch.device("meta"):
        generator, discriminator = (
            shapes(DcganGenerator(DCGAN_VARIANTS["theano-imagenet"][0])),
            shapes(DcganDiscriminator(DCGAN_VARIANTS["theano-imagenet"][1])),
        )
    assert [shape for shape in discriminator if len(shape) > 1] == [
        (128, 3, 3, 3), (128, 128, 3, 3), (256, 128, 3, 3), (256, 256, 3, 3), (512, 256, 3, 3),
        (512, 512, 3, 3), (1, 8192),
    ]  # fmt: skip
    assert [shape for shape in generator if len(shape) > 1] == [
        (8192, 256), (512, 512, 3, 3), (512, 256, 3, 3), (256, 256, 3, 3), (256, 128, 3, 3),
        (128, 128, 3, 3), (128, 3, 3, 3),
    ]  # fmt: skip
    assert generator[1:3] == [(8192,), (8192,)]  # every place of the first grid has its own


@pytest.mark.parametrize("variant", DCGAN_VARIANTS)
def test_images_made_are_images_judged(variant: str) -> None:
    torch.manual_seed(0)
    generator, discriminator = DCGAN_VARIANTS[variant]
    network = DcganGenerator(replace(generator, maps=tuple(m // 32 for m in generator.maps)))
    judge = DcganDiscriminator(
        replace(discriminator, maps=tuple(m // 32 for m in discriminator.maps))
    )
    with torch.no_grad():
        images = network(latents(generator))
        judgement = judge(images)
    assert images.shape == (3, 3, *generator.size)
    assert images.abs().max() <= 1
    assert judgement.logits.shape == (3, 1, 1, 1)
    assert judgement.features[-1].shape[-2:] == (4, 4)
    assert len(judgement.features) == len(discriminator.maps)


@pytest.mark.parametrize(
    ("size", "channels", "maps"),
    [
        ((48, 48), 3, (8, 6, 4, 4)),
        ((80, 112), 1, (8, 6, 4, 4)),
        ((128, 128), 3, (8, 8, 6, 4, 4)),
        ((28, 28), 1, (6, 4)),
    ],
)
def test_other_sizes(size: tuple[int, int], channels: int, maps: tuple[int, ...]) -> None:
    generator = DcganGeneratorConfig(size=size, channels=channels, latent=6, maps=maps)
    discriminator = DcganDiscriminatorConfig(size=size, channels=channels, maps=maps[::-1])
    with torch.no_grad():
        images = DcganGenerator(generator)(latents(generator))
        features = DcganDiscriminator(discriminator)(images).features
    assert images.shape == (3, channels, *size)
    assert features[-1].shape[-2:] == generator.first_size == discriminator.last_size
    assert generator.first_size == (size[0] // 2 ** len(maps), size[1] // 2 ** len(maps))


@pytest.mark.parametrize(
    ("size", "maps"),
    [
        ((64, 64), (128, 256, 512, 1024)),
        ((32, 32), (128, 256, 512)),
        ((128, 128), (128, 256, 512, 1024, 1024)),
        ((28, 28), (128, 256)),
        ((96, 160), (128, 256, 512, 1024)),
        ((4, 6), (128,)),
    ],
)
def test_usual_maps_end_on_a_small_grid(size: tuple[int, int], maps: tuple[int, ...]) -> None:
    assert usual_maps(size) == maps
    assert min(DcganDiscriminatorConfig(size=size, maps=maps).last_size) <= 7


def test_normalization_is_everywhere_but_at_the_images() -> None:
    for generator, discriminator in DCGAN_VARIANTS.values():
        with torch.device("meta"):
            layers = list(DcganGenerator(generator).layers)
            judge = DcganDiscriminator(discriminator)
        assert isinstance(layers[-1], nn.ConvTranspose2d)
        kinds = [type(layer) for layer in layers[:-1]]
        hidden = len(generator.maps) - 1
        assert kinds == [nn.ConvTranspose2d, nn.BatchNorm2d, nn.ReLU] * hidden
        first, *others = ([type(part) for part in layer.children()] for layer in judge.layers)
        assert first == [nn.Conv2d, nn.LeakyReLU]
        assert others == [[nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU]] * (len(discriminator.maps) - 1)
        slopes = {part.negative_slope for part in judge.modules() if isinstance(part, nn.LeakyReLU)}
        assert slopes == {0.2}


def test_weights_begin_as_in_the_paper() -> None:
    torch.manual_seed(0)
    wide = DcganGeneratorConfig(size=(32, 32), maps=(256, 128, 64), is_normalized_per_unit=True)
    for network in (
        DcganGenerator(wide),
        DcganDiscriminator(DcganDiscriminatorConfig(size=(32, 32), maps=(64, 128, 256))),
    ):
        for name, value in network.named_parameters():
            if value.ndim > 1:
                assert value.std().item() == pytest.approx(0.02, rel=0.05), name
                assert value.mean().item() == pytest.approx(0, abs=2e-3), name
            elif name.endswith("weight"):
                assert value.mean().item() == pytest.approx(1, abs=0.01), name
                assert value.std().item() == pytest.approx(0.02, rel=0.25), name
            else:
                assert not value.any(), name


def test_in_evaluation_an_image_does_not_depend_on_those_beside_it() -> None:
    torch.manual_seed(0)
    for config in (NARROW, replace(NARROW, is_normalized_per_unit=True)):
        network, judge = DcganGenerator(config), DcganDiscriminator(JUDGE)
        drawn = latents(config, 8)
        with torch.no_grad():
            images = network(drawn)
            logits = judge(images).logits
            assert not torch.allclose(network(drawn[:4]), images[:4], atol=1e-4)
            assert not torch.allclose(judge(images[:4]).logits, logits[:4], atol=1e-6)
            network.eval(), judge.eval()
            images = network(drawn)
            torch.testing.assert_close(network(drawn[:4]), images[:4])
            torch.testing.assert_close(judge(images[:4]).logits, judge(images).logits[:4])


@pytest.mark.parametrize("is_per_unit", [False, True])
def test_with_a_reference_batch_no_image_depends_on_those_beside_it(is_per_unit: bool) -> None:
    config = replace(
        NARROW, normalization="virtual", references=5, is_normalized_per_unit=is_per_unit
    )
    network, drawn = DcganGenerator(config), latents(NARROW)
    together = network(drawn)
    assert together.shape == (3, 3, 32, 32)
    assert torch.allclose(together[1:2], network(drawn[1:2]), atol=1e-6)
    assert network(drawn[:0]).shape == (0, 3, 32, 32)


def test_the_ends_are_the_whole_kernels_of_torch() -> None:
    """There the first grid is a transposed convolution of one pixel, the logit a convolution."""
    torch.manual_seed(0)
    narrow, judge_config = DCGAN_VARIANTS["torch"]
    config = replace(narrow, maps=(8, 6, 4, 4), latent=5)
    network = DcganGenerator(config)
    judge = DcganDiscriminator(replace(judge_config, maps=(4, 4, 6, 8)))
    first = nn.ConvTranspose2d(5, 8, 4, bias=False)
    last = nn.Conv2d(8, 1, 4, bias=False)
    with torch.no_grad():
        first.weight.copy_(network.project.weight.T.reshape(5, 8, 4, 4))
        last.weight.copy_(judge.last.weight.reshape(1, 8, 4, 4))
        drawn = latents(config)
        grid = network.normalize(first(drawn[..., None, None])).relu()
        images = network(drawn)
        torch.testing.assert_close(images, network.layers(grid).tanh())
        judgement = judge(images)
        torch.testing.assert_close(judgement.logits, last(judgement.features[-1]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": (40, 36)}, "size is 40x36, expected multiples of 8: the layers halve 3 times"),
        ({"size": (0, 32)}, "expected multiples of 8"),
        ({"maps": ()}, "expected 1 or more"),
        ({"channels": 0}, "expected 1 or more"),
        ({"strides": (2, 1)}, r"strides is \(2, 1\), expected 1 or 2 for each"),
        ({"strides": (2, 1, 3)}, "expected 1 or 2"),
        ({"strides": (2, 1, 2), "kernel": 4}, "kernel is 4, which changes the size at stride 1"),
        ({"normalization_epsilon": 0.0}, "expected more than 0"),
    ],
)
def test_configs_that_cannot_work(change: dict[str, object], message: str) -> None:
    for config in (NARROW, JUDGE):
        with pytest.raises(SettingsError, match=message):
            replace(config, **change)  # type: ignore[arg-type] # one field at a time
    with pytest.raises(SettingsError, match="latent is 0"):
        replace(NARROW, latent=0)


def test_tensors_that_do_not_fit_are_refused() -> None:
    with pytest.raises(TensorContractError, match=r"\(3, 5\), expected floats \(N, 6\)"):
        DcganGenerator(NARROW)(torch.zeros(3, 5))
    with pytest.raises(TensorContractError, match="labels were given to a network without classes"):
        DcganGenerator(NARROW)(torch.zeros(3, 6), torch.zeros(3))
    with pytest.raises(TensorContractError, match="images are 48x32, expected 32x32"):
        DcganDiscriminator(JUDGE)(torch.zeros(2, 3, 32, 48))
    with pytest.raises(TensorContractError, match="1 channels, expected 3"):
        DcganDiscriminator(JUDGE)(torch.zeros(2, 1, 32, 32))
