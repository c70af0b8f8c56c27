"""The levels of a pyramid: sizes of the code, what each judges, and the chain of all."""

from typing import Any

import pytest
import torch
from torch import nn

from predictor.errors import SettingsError, TensorContractError
from predictor.networks.dense_discriminator import DenseDiscriminatorConfig
from predictor.networks.dense_generator import DenseGeneratorConfig
from predictor.networks.label_input import LabelPlane
from predictor.networks.laplacian import (
    LaplacianDiscriminator,
    LaplacianDiscriminatorConfig,
    LaplacianGenerator,
    LaplacianGeneratorConfig,
)
from predictor.networks.laplacian_detail import (
    DetailDiscriminator,
    DetailDiscriminatorConfig,
    DetailGenerator,
    DetailGeneratorConfig,
)
from predictor.pyramid import laplacian_pyramid, resized


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_parameters_of_the_code() -> None:
    assert count(DetailGenerator(DetailGeneratorConfig())) == 218_179
    assert count(DetailDiscriminator(DetailDiscriminatorConfig())) == 116_545


def test_layers_of_the_code() -> None:
    painter = DetailGenerator(DetailGeneratorConfig()).layers
    assert [type(layer) for layer in painter] == [nn.Conv2d, nn.ReLU] * 2 + [nn.Conv2d]
    judge = DetailDiscriminator(DetailDiscriminatorConfig()).layers
    assert [type(layer) for layer in judge] == [
        nn.Conv2d, nn.ReLU, nn.Conv2d, nn.Flatten, nn.ReLU, nn.Dropout, nn.Linear,
    ]  # fmt: skip
    assert judge[5].p == 0.5
    assert DetailDiscriminator(DetailDiscriminatorConfig(dropout=0.0)).layers[5].p == 0


def test_labels_are_one_more_plane() -> None:
    with_label = DetailGenerator(DetailGeneratorConfig(classes=10))
    # 10 x 1024 + 1024 of the plane, 49 x 64 of the first convolution
    assert count(with_label) == 218_179 + 11 * 1024 + 49 * 64
    judge = DetailDiscriminator(DetailDiscriminatorConfig(classes=10))
    assert count(judge) == 116_545 + 11 * 1024 + 25 * 64


@pytest.mark.parametrize(("side", "width"), [(14, 576), (28, 6400), (32, 9216), (64, 50_176)])
def test_width_of_the_last_features(side: int, width: int) -> None:
    config = DetailDiscriminatorConfig(shape=(3, side, side))
    assert 64 * config.side(side) ** 2 == width
    with torch.device("meta"):
        judge = DetailDiscriminator(config)
        picture = torch.empty(2, 3, side, side)
        assert judge(picture, picture).shape == (2, 1)
        last = judge.layers[-1]
    assert isinstance(last, nn.Linear)
    assert last.in_features == width


def small(classes: int | None = None) -> tuple[DetailGenerator, DetailDiscriminator]:
    torch.manual_seed(0)
    shape = (3, 12, 12)
    return (
        DetailGenerator(DetailGeneratorConfig(shape, classes, planes=(6, 6))).eval(),
        DetailDiscriminator(DetailDiscriminatorConfig(shape, classes, planes=6)).eval(),
    )


def test_discriminator_sees_only_the_sum() -> None:
    _, judge = small()
    detail, coarse, other = torch.randn(3, 2, 3, 12, 12)
    expected = judge(detail, coarse)
    assert torch.allclose(judge(detail + other, coarse - other), expected, atol=1e-5)
    assert not torch.allclose(judge(detail + other, coarse), expected, atol=1e-4)


def test_label_plane_has_the_size_of_the_level_and_changes_the_output() -> None:
    plane = LabelPlane(4, (5, 7))
    planes = plane(torch.tensor([1, 3]))
    assert planes.shape == (2, 1, 5, 7)
    expected = torch.relu(plane.weights.weight[:, 3] + plane.weights.bias).reshape(5, 7)
    assert torch.allclose(planes[1, 0], expected)
    generator, judge = small(classes=4)
    noise, coarse = (
        torch.rand(1, 144).expand(2, -1),
        torch.randn(1, 3, 12, 12).expand(2, -1, -1, -1),
    )
    made = generator(noise, coarse, torch.tensor([0, 2]))
    assert not torch.allclose(made[0], made[1], atol=1e-4)
    logits = judge(made[:1].expand(2, -1, -1, -1), coarse, torch.tensor([0, 2]))
    assert logits[0] != logits[1]
    with pytest.raises(TensorContractError, match="needs labels, of 4 classes"):
        generator(noise, coarse)


def test_noise_and_look_change_the_detail() -> None:
    generator, _ = small()
    noise, coarse = torch.rand(2, 144), torch.randn(2, 3, 12, 12)
    made = generator(noise, coarse)
    assert not torch.allclose(generator(noise.flip(0), coarse), made, atol=1e-4)
    assert not torch.allclose(generator(noise, coarse.flip(0)), made, atol=1e-4)


def chain(**values: Any) -> LaplacianGenerator:
    torch.manual_seed(0)
    coarsest = DenseGeneratorConfig(
        (3, 4, 4), 5, "uniform", hidden=(6,), activations=("relu",), units="standardized", scale=0.5
    )
    finer = tuple(DetailGeneratorConfig((3, s, s), planes=(4,), kernels=(3, 3)) for s in (7, 14))
    return LaplacianGenerator(LaplacianGeneratorConfig(coarsest, finer, **values))


def test_chain_without_details_is_repeated_upsampling() -> None:
    whole = chain()
    for level in whole.finer:
        last = level.layers[-1]
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
    latents = torch.randn(2, whole.latent_width)
    coarsest = whole.coarsest(latents[:, :5])
    expected = resized(resized(coarsest, (7, 7)), (14, 14))
    assert torch.allclose(whole(latents), expected, atol=1e-6)


def test_chain_adds_each_level_s_detail_to_the_look_before() -> None:
    whole = chain()
    assert whole.latent_width == 5 + 7 * 7 + 14 * 14
    latents = torch.randn(2, whole.latent_width)
    first, second, third = latents[:, :5], latents[:, 5:54], latents[:, 54:]
    look = resized(whole.coarsest(first), (7, 7))
    look = resized(look + whole.finer[0](second, look), (14, 14))
    assert torch.allclose(whole(latents), look + whole.finer[1](third, look), atol=1e-6)


def test_all_discriminators_judge_their_own_level() -> None:
    torch.manual_seed(0)
    coarsest = DenseDiscriminatorConfig((3, 4, 4), hidden=(6,), pieces=1, units="standardized")
    finer = (DetailDiscriminatorConfig((3, 12, 12), planes=4),)
    whole = LaplacianDiscriminator(LaplacianDiscriminatorConfig(coarsest, finer)).eval()
    pictures = torch.randn(3, 3, 12, 12)
    small_picture, [(look, detail)] = laplacian_pyramid(pictures, [(4, 4), (12, 12)])
    found = whole(pictures)
    assert torch.equal(found[0], whole.coarsest(small_picture))
    assert torch.allclose(found[1], whole.finer[0](detail, look))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: DetailGeneratorConfig(kernels=(7, 7)), "one kernel more"),
        (lambda: DetailGeneratorConfig(kernels=(7, 7, 4)), "all odd"),
        (
            lambda: DetailDiscriminatorConfig(shape=(3, 8, 8)),
            "too small for two convolutions of kernel 5",
        ),
        (lambda: DetailDiscriminatorConfig(dropout=1.0), "below 1"),
        (
            lambda: LaplacianGeneratorConfig(
                finer=(DetailGeneratorConfig((3, 14, 14)), DetailGeneratorConfig((3, 14, 14)))
            ),
            "increasing sizes",
        ),
        (
            lambda: LaplacianGeneratorConfig(
                finer=(DetailGeneratorConfig((3, 14, 14), classes=2),)
            ),
            "levels differ in classes",
        ),
        (
            lambda: LaplacianGeneratorConfig(DenseGeneratorConfig((3, 8, 8), 5, "normal")),
            "latents of the coarsest level are normal, expected uniform",
        ),
    ],
)
def test_what_cannot_work_is_refused(make: Any, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        make()
