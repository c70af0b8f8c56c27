"""The network for features: its channel-wise layer, and AlexNet's shapes."""

import pytest
import torch
from torch import nn

from predictor.errors import SettingsError, TensorContractError
from predictor.networks.feature_encoder import (
    SIDE_PX,
    ChannelwiseLinear,
    FeatureEncoder,
    FeatureEncoderConfig,
)


def test_the_channelwise_layer_has_the_papers_number_of_weights() -> None:
    layer = ChannelwiseLinear(256, 6)
    assert layer.weight.numel() == 331_776
    assert layer.bias.numel() == 9216


def test_a_map_depends_on_the_same_map_only_and_on_all_of_it() -> None:
    torch.manual_seed(0)
    layer = ChannelwiseLinear(3, 4).double()
    maps = torch.rand(2, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    spread = layer(maps)
    (slope,) = torch.autograd.grad(spread[0, 1, 3, 0], maps)
    assert slope[0, 1].abs().min() > 0
    slope[0, 1] = 0
    assert not slope.any()


def test_the_channelwise_layer_is_a_matrix_a_map() -> None:
    torch.manual_seed(0)
    layer = ChannelwiseLinear(3, 2).double()
    nn.init.normal_(layer.bias)
    maps = torch.rand(5, 3, 2, 2, dtype=torch.float64)
    for channel in range(3):
        expected = maps[:, channel].flatten(1) @ layer.weight[channel] + layer.bias[channel]
        assert torch.allclose(layer(maps)[:, channel].flatten(1), expected)
    assert torch.autograd.gradcheck(layer, maps[:2].requires_grad_())


@torch.no_grad()
def test_features_are_alexnets_and_the_picture_is_whole() -> None:
    torch.manual_seed(0)
    network = FeatureEncoder(FeatureEncoderConfig(decoder_maps=(8, 8, 8, 8))).eval()
    # AlexNet's convolutions: two groups in the second, fourth and fifth
    convolutions = [m for m in network.encoder if isinstance(m, nn.Conv2d)]
    assert sum(m.weight.numel() for m in convolutions) == 2_332_704
    images = torch.rand(1, 3, SIDE_PX, SIDE_PX) * 2 - 1
    masks = torch.zeros(1, 1, SIDE_PX, SIDE_PX)
    masks[..., 60:160, 60:160] = 1
    assert network.features(images).shape == (1, 256, 6, 6)
    (painted,) = network(images, masks)
    assert painted.shape == images.shape
    assert torch.equal(network(images.where(masks == 0, 0.5), masks)[0], painted)
    # every place of the picture hears of every place of the image: that is what the layer is for
    other = images.clone()
    other[..., :30, :30] = -other[..., :30, :30]
    assert (network(other, masks)[0] - painted)[..., -20:, -20:].abs().max() > 0


def test_layers_are_alexnets_then_one_that_mixes_maps_and_five_that_double() -> None:
    network = FeatureEncoder(FeatureEncoderConfig(decoder_maps=(8, 8, 8, 8)))
    pooled = [nn.Conv2d, nn.ReLU, nn.MaxPool2d]
    assert [type(layer) for layer in network.encoder] == [
        *pooled, nn.LocalResponseNorm, *pooled, nn.LocalResponseNorm, *pooled[:2] * 2, *pooled,
    ]  # fmt: skip
    for layer in network.encoder:
        if isinstance(layer, nn.LocalResponseNorm):
            assert (layer.size, layer.alpha, layer.beta) == (5, 1e-4, 0.75)
        if isinstance(layer, nn.MaxPool2d):
            assert (layer.kernel_size, layer.stride) == (3, 2)
    # The rectifier of the channel-wise layer comes first.
    assert [type(layer) for layer in network.decoder] == [
        nn.ReLU, nn.Conv2d, nn.ReLU, *[nn.ConvTranspose2d, nn.ReLU] * 4, nn.ConvTranspose2d,
    ]  # fmt: skip
    mixing = network.decoder[1]
    assert (mixing.kernel_size, mixing.stride) == ((1, 1), (1, 1))


def test_other_sizes_and_configs_are_refused() -> None:
    network = FeatureEncoder(FeatureEncoderConfig(decoder_maps=(4,)))
    with pytest.raises(TensorContractError, match="128x128, expected 227x227"):
        network.features(torch.zeros(1, 3, 128, 128))
    with pytest.raises(SettingsError, match="decoder_maps"):
        FeatureEncoderConfig(decoder_maps=())
