"""The small classifier: what its layers see, and configs that cannot work."""

import pytest
import torch

from predictor.analysis.features import ImageEncoder
from predictor.errors import SettingsError, TensorContractError
from predictor.networks.classifier import Classifier, ClassifierConfig

CONFIG = ClassifierConfig(shape=(3, 8, 12), classes=5, maps=(4, 6, 7))


def test_logits_are_a_linear_map_of_the_mean_of_the_last_maps() -> None:
    torch.manual_seed(0)
    network = Classifier(CONFIG).eval()
    images = torch.rand(2, 3, 8, 12) * 2 - 1
    maps = network.activations(images)
    assert [tuple(found.shape) for found in maps] == [(2, 4, 4, 6), (2, 6, 2, 3), (2, 7, 2, 3)]
    features = maps[-1].mean((2, 3))
    assert torch.equal(network.features(images), features)
    expected = features @ network.last.weight.T + network.last.bias
    assert torch.allclose(network(images).logits, expected, atol=1e-6)
    assert isinstance(network, ImageEncoder)


def test_features_are_left_out_in_training_alone() -> None:
    network = Classifier(CONFIG)
    features = torch.ones(1, 7)
    first, second = network.head(features), network.head(features)
    assert not torch.equal(first, second)
    assert torch.equal(network.eval().head(features), network.head(features))


def test_what_cannot_work_is_refused() -> None:
    for values in ({"classes": 1}, {"maps": ()}, {"shape": (1, 3, 8)}, {"dropout": 1.0}):
        with pytest.raises(SettingsError):
            ClassifierConfig(**values)
    with pytest.raises(TensorContractError):
        Classifier(CONFIG)(torch.zeros(1, 1, 8, 12))
