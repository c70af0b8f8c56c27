"""The conditional convolutional pair: sizes of the code, labels in every layer, batch norm."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d

from predictor.errors import SettingsError
from predictor.networks.labelled_convolutions import (
    LabelledConvolutionsConfig,
    LabelledDiscriminator,
    LabelledGenerator,
)


def pair() -> tuple[LabelledGenerator, LabelledDiscriminator]:
    torch.manual_seed(0)
    config = LabelledConvolutionsConfig()
    return LabelledGenerator(config), LabelledDiscriminator(config)


def test_layers_are_those_of_the_code() -> None:
    """gw 110x1024, gw2 1034x6272, gw3 138x64x5x5, gwx 74x1x5x5; dw ... in dcgan_code."""
    generator, discriminator = pair()
    shapes = [tuple(parameter.shape) for parameter in generator.parameters()]
    assert shapes == [(1024, 110), (6272, 1034), (138, 64, 5, 5), (74, 1, 5, 5)]
    shapes = [tuple(parameter.shape) for parameter in discriminator.parameters()]
    assert shapes == [(64, 11, 5, 5), (128, 74, 5, 5), (1024, 6282), (1, 1034)]


def test_first_weights_have_the_deviation_of_the_paper() -> None:
    for network in pair():
        for parameter in network.parameters():
            if parameter.numel() > 10_000:
                assert parameter.std().item() == pytest.approx(0.02, rel=0.05)


def test_pictures_and_logits() -> None:
    generator, discriminator = pair()
    labels = torch.tensor([0, 3, 9])
    pictures = generator(torch.randn(3, 100), labels)
    assert pictures.shape == (3, 1, 28, 28)
    assert 0 <= pictures.min() <= pictures.max() <= 1
    assert discriminator(pictures, labels).shape == (3, 1)


def test_running_statistics_make_a_picture_independent_of_the_others() -> None:
    generator, _ = pair()
    latents, labels = torch.randn(4, 100), torch.tensor([0, 1, 2, 3])
    in_training = generator(latents, labels)[:2]
    assert not torch.allclose(generator(latents[:2], labels[:2]), in_training, atol=1e-5)
    generator.eval()
    assert torch.allclose(
        generator(latents[:2], labels[:2]), generator(latents, labels)[:2], atol=1e-6
    )


def normalized(values: Tensor) -> Tensor:
    """By the batch, variances with 1e-8 beside them."""
    axes = [0, *range(2, values.ndim)]
    centred = values - values.mean(axes, keepdim=True)
    return centred / (centred.square().mean(axes, keepdim=True) + 1e-8).sqrt()


def beside(values: Tensor, rows: Tensor) -> Tensor:
    shape = (*rows.shape, *[1] * (values.ndim - 2))
    return torch.cat([values, rows.reshape(shape).expand(-1, -1, *values.shape[2:])], dim=1)


def leaky(values: Tensor) -> Tensor:
    return torch.maximum(values, 0.2 * values)


def test_networks_compute_what_the_code_does() -> None:
    """The functions gen and discrim of train_cond_dcgan.py, in small."""
    torch.manual_seed(0)
    config = LabelledConvolutionsConfig(
        (1, 8, 8), classes=3, latent=5, dense=6, maps=(4, 2), scale=0.3
    )
    painter, judge = (kind(config).double() for kind in (LabelledGenerator, LabelledDiscriminator))
    latents, labels = torch.rand(7, 5, dtype=torch.float64), torch.arange(7) % 3
    rows = torch.eye(3, dtype=torch.float64)[labels]
    halving = {"stride": 2, "padding": 2}
    first, second, third, fourth = painter.parameters()
    h = normalized(beside(latents, rows) @ first.T).relu()
    h = normalized(beside(h, rows) @ second.T).relu().reshape(7, 4, 2, 2)
    h = conv_transpose2d(beside(h, rows), third, output_padding=1, **halving)
    h = conv_transpose2d(beside(normalized(h).relu(), rows), fourth, output_padding=1, **halving)
    torch.testing.assert_close(painter(latents, labels), h.sigmoid())
    first, second, third, fourth = judge.parameters()
    pictures = h.sigmoid().detach()
    h = leaky(conv2d(beside(pictures, rows), first, **halving))
    h = leaky(normalized(conv2d(beside(h, rows), second, **halving))).flatten(1)
    h = leaky(normalized(beside(h, rows) @ third.T))
    torch.testing.assert_close(judge(pictures, labels), beside(h, rows) @ fourth.T)


@pytest.mark.parametrize("layer", ["first", "second", "third", "fourth"])
def test_the_label_enters_every_layer(layer: str) -> None:
    """Without the label's part of any one layer, the others still tell classes apart."""
    for network, example in zip(
        pair(), (torch.randn(1, 100), torch.rand(1, 1, 28, 28)), strict=True
    ):
        network.eval()
        for name, module in network.named_children():
            if name != layer and isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                axis = 0 if isinstance(module, nn.ConvTranspose2d) else 1
                with torch.no_grad():
                    module.weight.narrow(axis, module.weight.shape[axis] - 10, 10).zero_()
        both = network(example.expand(2, *example.shape[1:]), torch.tensor([1, 7]))
        assert not torch.equal(both[0], both[1])


def test_what_cannot_work_is_refused() -> None:
    with pytest.raises(SettingsError, match="multiples of 4"):
        LabelledConvolutionsConfig(shape=(1, 30, 28))
    with pytest.raises(SettingsError, match="must be odd"):
        LabelledConvolutionsConfig(kernel=4)
