"""Classifiers as people call them: pictures of their shape, of any float type."""

import pytest
import torch

from predictor.errors import TensorContractError
from predictor.image_classifier import ImageClassifier
from predictor.networks.classifier import Classifier, ClassifierConfig


def test_pictures_of_another_shape_are_refused_and_of_another_type_converted() -> None:
    classifier = ImageClassifier(Classifier(ClassifierConfig(shape=(1, 28, 28))), device="cpu")
    pictures = torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1
    expected = classifier.probabilities(pictures)
    assert torch.equal(classifier.probabilities(pictures.double()), expected)
    with pytest.raises(TensorContractError, match=r"\(3, 1, 56, 56\), expected \(N, \*\(1, 28"):
        classifier.probabilities(torch.zeros(3, 1, 56, 56))
