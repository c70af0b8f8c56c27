"""Features of images: order, widths, statistics, and the encoders that have them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from predictor.analysis.features import (
    BATCH,
    FeatureExtractor,
    joined_features,
    layer_widths,
    require_encoder,
)
from predictor.errors import TensorContractError, UnknownModel
from predictor.networks.context_encoder import ContextEncoder, ContextEncoderConfig
from predictor.networks.dcgan import (
    DcganDiscriminator,
    DcganDiscriminatorConfig,
    DcganGenerator,
    DcganGeneratorConfig,
)
from predictor.networks.dcgan_variants import DCGAN_VARIANTS
from predictor.networks.dense_classifier import DenseClassifier, DenseClassifierConfig
from predictor.networks.dense_discriminator import DenseDiscriminator, DenseDiscriminatorConfig
from predictor.networks.labelled_convolutions import (
    LabelledConvolutionsConfig,
    LabelledDiscriminator,
)
from predictor.theano_weights import read_theano_discriminator, read_theano_generator

AUTHORS = Path(__file__).parents[3] / "shared" / "golden" / "dcgan-svhn"
"""The authors' weights for SVHN, where they lie beside the checkout."""


def judge() -> DcganDiscriminator:
    torch.manual_seed(0)
    return DcganDiscriminator(DcganDiscriminatorConfig(size=(16, 16), maps=(3, 5)))


def images(count: int = 6) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(count, 3, 16, 16, generator=generator) * 2 - 1


def test_features_are_the_largest_activation_of_each_place_channel_by_channel() -> None:
    first = torch.arange(2 * 64.0).reshape(1, 2, 8, 8)
    second = -torch.arange(16.0).reshape(1, 1, 4, 4)
    found = joined_features([first, second])[0].tolist()
    expected = [
        first[0, c, 2 * y + 1, 2 * x + 1] for c in (0, 1) for y in range(4) for x in range(4)
    ]
    assert found == [*expected, *second.flatten()]
    small = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    assert joined_features([small])[0].tolist() == [1, 1, 2, 2] * 2 + [3, 3, 4, 4] * 2


@pytest.mark.parametrize(("variant", "width"), [("theano-imagenet", 28_672), ("theano-svhn", 7168)])
def test_widths_are_those_of_the_paper(variant: str, width: int) -> None:
    network = DcganDiscriminator(DCGAN_VARIANTS[variant][1])
    assert FeatureExtractor(network).width == sum(layer_widths(network)) == width


def test_features_use_the_statistics_of_what_was_measured() -> None:
    seen = images(40)
    extractor = FeatureExtractor(judge())
    before = extractor.features(seen)
    extractor.measure([seen])
    after = extractor.features(seen)
    assert not torch.allclose(before, after, atol=0.1)
    with torch.no_grad():
        expected = joined_features(judge().train().activations(seen))
    torch.testing.assert_close(after, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(extractor.features(seen[:3]), after[:3], atol=1e-5, rtol=1e-5)
    whole = extractor.all_features(seen.split(16), 40)
    np.testing.assert_allclose(whole, after.numpy(), atol=1e-5)


def test_means_are_over_the_places_of_each_map() -> None:
    network = judge().eval()
    seen = images()
    with torch.no_grad():
        first, second = network.activations(seen)
    expected = torch.cat([first.mean((2, 3)), second.mean((2, 3))], dim=1)
    torch.testing.assert_close(FeatureExtractor(network).means(seen), expected)


def test_the_range_of_the_encoder_is_reached_from_the_public_one() -> None:
    network = judge()
    network.pixel_range = (0.0, 1.0)
    seen = images()
    with torch.no_grad():
        expected = joined_features(network.eval().activations((seen + 1) / 2))
    torch.testing.assert_close(FeatureExtractor(network).features(seen), expected)


def test_the_encoder_of_a_context_encoder_has_features() -> None:
    torch.manual_seed(0)
    config = ContextEncoderConfig(encoder_maps=(4, 6), bottleneck=8, decoder_maps=(4,), hole_px=8)
    network = ContextEncoder(config).eval()
    assert layer_widths(network) == (64, 96)
    seen = images()
    found = FeatureExtractor(require_encoder(network, "it")).features(seen)
    with torch.no_grad():
        first = torch.nn.functional.leaky_relu(network.encoder[0](seen), 0.2)
    torch.testing.assert_close(found[:, :64], joined_features([first]))


def test_what_has_no_features_is_refused() -> None:
    given, none = "does not give those of its convolutions", "has no convolutions, which are pooled"
    for network, found in (
        (DenseClassifier(DenseClassifierConfig()), none),
        (DenseDiscriminator(DenseDiscriminatorConfig()), none),
        (LabelledDiscriminator(LabelledConvolutionsConfig()), given),
        (DcganGenerator(DcganGeneratorConfig(size=(16, 16), maps=(4, 4))), given),
    ):
        said = f"mine has no features: {type(network).__name__} {found}.*expected a discriminator"
        with pytest.raises(UnknownModel, match=said):
            require_encoder(network, "mine")


@pytest.mark.skipif(not AUTHORS.is_dir(), reason="the authors' weights are not beside the checkout")
def test_the_authors_network_gives_the_authors_features() -> None:
    """Values of a port to numpy in float64, with the statistics of the one batch."""
    i, j = np.meshgrid(np.arange(16), np.arange(100), indexing="ij")
    latents = torch.from_numpy(np.sqrt(2) * np.sin(1 + 100 * i + j)).float()
    with torch.no_grad():
        seen = read_theano_generator(AUTHORS).train()(latents)
    extractor = FeatureExtractor(read_theano_discriminator(AUTHORS))
    extractor.measure([seen])
    features = extractor.features(seen)
    assert features.shape == (16, 7168)
    found = [features.mean(), features.std(), features[0, 0], features[0, -1]]
    assert found == pytest.approx([0.311990, 0.631258, 0.107745, -0.372182], abs=1e-4)
    assert len(seen) < BATCH


def test_pictures_of_any_float_type_have_features_and_others_are_refused() -> None:
    extractor = FeatureExtractor(judge())
    expected = extractor.features(images())
    assert torch.equal(extractor.features(images().double()), expected)
    with pytest.raises(TensorContractError, match=r"expected \[-1, 1\]"):
        extractor.features(images() * 127.5 + 127.5)
