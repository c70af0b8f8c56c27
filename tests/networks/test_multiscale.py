import dataclasses
import tomllib
from dataclasses import replace
from importlib.resources import files
from math import sqrt

import pytest
import torch
from pydantic import TypeAdapter
from torch import nn

from predictor.errors import SettingsError, TensorContractError
from predictor.losses import non_saturating_generator_loss
from predictor.networks import NETWORKS
from predictor.networks.multiscale import (
    MultiscaleConfig,
    MultiscaleDiscriminators,
    MultiscaleDiscriminatorsConfig,
    MultiscaleGenerator,
)
from predictor.pyramid import average_pooled, nearest_upsampled, pooled_at_factors
from predictor.tensors import frames_as_channels


def from_recipe(name: str, part: str):
    recipe = files("predictor").joinpath("recipes", f"{name}.toml").read_text()
    values = tomllib.loads(recipe)["settings"][part]
    config, _ = NETWORKS[values.pop("network")]
    fields = {field.name for field in dataclasses.fields(config)}
    assert values.keys() <= fields
    return TypeAdapter(config).validate_python(values)


OFFICIAL = from_recipe("mathieu-official", "generator")
OFFICIAL_DISCRIMINATORS = from_recipe("mathieu-official", "discriminators")
TINY = MultiscaleConfig(maps=((4,), (4,)), kernels=((3, 3), (5, 3)))
TINY_DISCRIMINATORS = MultiscaleDiscriminatorsConfig(
    patch_size=(8, 12), maps=((3,), (4,)), kernels=((3,), (3,)), pooling=(1, 2), hidden=((5,), (6,))
)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("module", "config", "counts"),
    [
        (MultiscaleGenerator, MultiscaleConfig(), [607_619, 647_939, 3_008_003, 8_306_179]),
        (MultiscaleGenerator, OFFICIAL, [11_443, 16_483, 53_443, 142_275]),
        (MultiscaleDiscriminators, OFFICIAL_DISCRIMINATORS, [70_401, 130_913, 384_353, 1_542_881]),
    ],
)
def test_parameter_counts(module, config, counts: list[int]):
    network = module(config)
    assert [parameters(scale) for scale in network.scales] == counts
    assert parameters(network) == sum(counts)


def test_totals_of_the_paper_and_of_the_official_script():
    assert parameters(MultiscaleGenerator(MultiscaleConfig())) == 12_569_740
    assert parameters(MultiscaleGenerator(OFFICIAL)) == 223_644
    assert parameters(MultiscaleDiscriminators(OFFICIAL_DISCRIMINATORS)) == 2_128_548


def test_the_linear_layers_of_the_papers_discriminators_see_the_right_sizes():
    config = MultiscaleDiscriminatorsConfig()
    sizes = [torch.Size(config.features(scale)).numel() for scale in range(4)]
    assert sizes == [256, 512, 4096, 4608]


def test_the_papers_discriminators_have_the_layers_of_its_table():
    table = [
        ([(64, 3)], [512, 256, 1]),
        ([(64, 3), (128, 3), (128, 3)], [1024, 512, 1]),
        ([(128, 5), (256, 5), (256, 5)], [1024, 512, 1]),
        ([(128, 7), (256, 7), (512, 5), (128, 5)], [1024, 512, 1]),
    ]
    network = MultiscaleDiscriminators(MultiscaleDiscriminatorsConfig())
    flat = (256, 512, 4096, 4608)
    for scale, (maps, units), features in zip(network.scales, table, flat, strict=True):
        channels, expected = 15, []
        for outputs, kernel in maps:
            expected.append((outputs, channels, kernel, kernel))
            channels = outputs
        for outputs in units:
            expected.append((outputs, features))
            features = outputs
        found = [tuple(weight.shape) for weight in scale.parameters() if weight.ndim > 1]
        assert found == expected
        assert isinstance(scale[-1], nn.Linear)  # a logit
        pairs = zip(scale, [*scale][1:], strict=False)
        assert all(isinstance(after, nn.ReLU) for layer, after in pairs
                   if isinstance(layer, nn.Conv2d | nn.Linear))  # fmt: skip


@pytest.mark.parametrize("size", [(32, 32), (64, 64), (240, 320), (8, 16)])
def test_shapes(size: tuple[int, int]):
    generator = MultiscaleGenerator(OFFICIAL).eval()
    with torch.no_grad():
        predictions = generator(torch.rand(1, 4, 3, *size) * 2 - 1)
    assert [tuple(p.shape) for p in predictions] == [
        (1, 3, size[0] // factor, size[1] // factor) for factor in generator.factors
    ]
    assert all(p.abs().max() < 1 for p in predictions)


def test_the_full_networks_of_the_paper_take_a_patch():
    generator = MultiscaleGenerator(MultiscaleConfig())
    discriminators = MultiscaleDiscriminators(MultiscaleDiscriminatorsConfig())
    clip = torch.rand(2, 4, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        logits = discriminators(clip, generator(clip))
    assert [tuple(one.shape) for one in logits] == [(2, 1)] * 4


def test_zero_weights_predict_zero():
    generator = MultiscaleGenerator(OFFICIAL)
    for parameter in generator.parameters():
        nn.init.zeros_(parameter)
    predictions = generator(torch.rand(1, 4, 3, 16, 16))
    assert all(torch.equal(p, torch.zeros_like(p)) for p in predictions)


def test_the_guess_is_added_inside_the_tanh():
    # Only the bias of the coarsest scale: every finer scale squashes the same guess once more.
    generator = MultiscaleGenerator(OFFICIAL)
    for parameter in generator.parameters():
        nn.init.zeros_(parameter)
    nn.init.constant_(generator.scales[0][-1].bias, 2.0)
    values = torch.tensor(2.0)
    for prediction in generator(torch.rand(1, 4, 3, 16, 16)):
        values = values.tanh()
        torch.testing.assert_close(prediction, values.expand_as(prediction))


def test_each_scale_sees_pooled_frames_and_then_the_guess():
    generator = MultiscaleGenerator(TINY)
    clip = torch.rand(2, 4, 3, 8, 12) * 2 - 1
    coarse, fine = generator(clip)
    stacked = torch.cat([clip[:, time] for time in range(4)], dim=1)  # oldest frame first
    expected = generator.scales[0](average_pooled(stacked, 2)).tanh()
    torch.testing.assert_close(coarse, expected)
    guess = nearest_upsampled(expected)
    residual = generator.scales[1](torch.cat((stacked, guess), dim=1))
    torch.testing.assert_close(fine, (residual + guess).tanh())


def test_a_batch_equals_its_clips_one_by_one():
    generator = MultiscaleGenerator(TINY)
    clip = torch.rand(3, 4, 3, 8, 8)
    together = generator(clip)[-1]
    apart = torch.cat([generator(one[None])[-1] for one in clip])
    torch.testing.assert_close(together, apart)


def test_gradients_of_the_generator():
    generator = MultiscaleGenerator(
        replace(TINY, context=1, maps=((2,), (2,)), kernels=((3, 1), (3, 1)))
    ).double()
    clip = torch.rand(1, 1, 3, 2, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: generator(x)[-1], clip)


def test_initialisation_is_that_of_torch():
    # U(± 1 / sqrt(fan in)) for weights and biases: variance of fan in ** -1 / 3.
    for module in MultiscaleDiscriminators(OFFICIAL_DISCRIMINATORS).modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            bound = 1 / sqrt(module.weight[0].numel())
            assert module.weight.abs().max() <= bound
            assert module.bias.abs().max() <= bound
            if module.weight.numel() > 4000:
                assert module.weight.std().item() == pytest.approx(bound / sqrt(3), rel=0.03)


def test_the_adversarial_gradient_reaches_every_parameter_of_the_generator():
    # A re-implementation fed the discriminator's outputs back as constants and trained without it.
    generator = MultiscaleGenerator(OFFICIAL)
    discriminators = MultiscaleDiscriminators(OFFICIAL_DISCRIMINATORS)
    clip = torch.rand(2, 4, 3, 32, 32) * 2 - 1
    logits = discriminators(clip, generator(clip))
    loss = torch.stack([non_saturating_generator_loss(one) for one in logits]).sum()
    loss.backward()
    for name, parameter in generator.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_the_finest_scale_teaches_the_coarsest():
    generator = MultiscaleGenerator(TINY)
    generator(torch.rand(1, 4, 3, 8, 8))[-1].sum().backward()
    assert generator.scales[0][0].weight.grad.abs().sum() > 0


def test_discriminators_judge_the_frame_given_the_clip():
    discriminators = MultiscaleDiscriminators(TINY_DISCRIMINATORS)
    clip, frame = torch.rand(2, 4, 3, 8, 12), torch.rand(2, 3, 8, 12)
    frames = pooled_at_factors(frame, discriminators.factors)
    logits = discriminators(clip, frames)
    pairs = torch.cat((frames_as_channels(clip), frame), dim=1)
    for factor, judge, one in zip((2, 1), discriminators.scales, logits, strict=True):
        torch.testing.assert_close(one, judge(average_pooled(pairs, factor)))
    other = discriminators(clip.flip(1), frames)
    assert all(not torch.allclose(one, two) for one, two in zip(logits, other, strict=True))


def test_max_pooling_only_at_the_finest_scale():
    discriminators = MultiscaleDiscriminators(MultiscaleDiscriminatorsConfig())
    pooled = [
        any(isinstance(layer, nn.MaxPool2d) for layer in scale) for scale in discriminators.scales
    ]
    assert pooled == [False, False, False, True]


def test_under_autocast_the_sum_over_scales_stays_float32():
    generator = MultiscaleGenerator(TINY)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        predictions = generator(torch.rand(1, 4, 3, 8, 8))
    assert [p.dtype for p in predictions] == [torch.float32] * 2
    # Values of a bfloat16 sum would all be on its grid of 8 bits.
    assert not torch.equal(predictions[-1].bfloat16().float(), predictions[-1])


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 3, 3, 8, 8), "clip has 3 frames, expected 4"),
        ((1, 4, 3, 8, 7), "7x8, expected multiples of 2"),
        ((1, 4, 1, 8, 8), "clip has 1 channels, expected 3"),
        ((4, 3, 8, 8), r"expected \(N, T, C, H, W\)"),
    ],
)
def test_the_generator_refuses_other_clips(shape: tuple[int, ...], message: str):
    with pytest.raises(TensorContractError, match=message):
        MultiscaleGenerator(TINY)(torch.rand(shape))


def test_the_discriminators_refuse_other_sizes():
    discriminators = MultiscaleDiscriminators(TINY_DISCRIMINATORS)
    clip, frame = torch.rand(1, 4, 3, 8, 12), torch.rand(1, 3, 8, 12)
    with pytest.raises(TensorContractError, match="clip is 16x16, the discriminators take 12x8"):
        discriminators(torch.rand(1, 4, 3, 16, 16), [torch.rand(1, 3, 16, 16)])
    with pytest.raises(TensorContractError, match="frames has 1 scales, expected 2"):
        discriminators(clip, [frame])
    with pytest.raises(TensorContractError, match="the frame at 1/2 is 12x8, expected 6x4"):
        discriminators(clip, [frame, frame])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"context": 0}, "context is 0"),
        ({"maps": ((4,),)}, "maps has 1 scales and kernels 2"),
        ({"maps": ((4, 4), (4,))}, "expected one kernel more"),
        ({"kernels": ((3, 3), (4, 3))}, "expected odd ones"),
    ],
)
def test_generator_configs_that_cannot_work(change: dict[str, object], message: str):
    with pytest.raises(SettingsError, match=message):
        replace(TINY, **change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patch_size": (8, 13)}, r"patch_size is \(8, 13\)"),
        ({"patch_size": (4, 4)}, r"nothing to judge at 1/2"),
        ({"pooling": (1,)}, "pooling and hidden have 1 and 2 scales, expected 2"),
        ({"kernels": ((3,), (3, 3))}, "expected as many kernels"),
    ],
)
def test_discriminator_configs_that_cannot_work(change: dict[str, object], message: str):
    with pytest.raises(SettingsError, match=message):
        replace(TINY_DISCRIMINATORS, **change)


@pytest.mark.parametrize("name", ["multiscale", "multiscale-discriminators"])
def test_networks_are_found_by_name_and_default_to_the_paper(name: str):
    config, module = NETWORKS[name]
    assert module(config()).factors == (8, 4, 2, 1)


@pytest.mark.parametrize("part", ["generator", "discriminators"])
def test_the_recipe_of_the_paper_is_the_default(part: str):
    config = from_recipe("mathieu-paper", part)
    assert config == type(config)()
