"""Protocols for semi-supervised classifiers."""

import torch

from predictor.analysis.pictures import mixed_order
from predictor.errors import UnusableData
from predictor.image_classifier import ImageClassifier
from predictor.networks.classification import ClassifierNetwork
from predictor.reproduction.measured import Measured, Row, Subject
from predictor.reproduction.pictures import pictures_of_test


def salimans_2016(subject: Subject) -> Measured:
    """Salimans et al. 2016, section 6: the test error of the discriminator as a classifier.

    A seed decides which labels are shown in training, so several seeds give the mean and deviation
    over draws of labels.
    """
    judge: ClassifierNetwork = subject.model.network_of(
        ClassifierNetwork,  # type: ignore[type-abstract] # it only asks for instances
        "discriminator that tells classes",
    )
    test, labels = pictures_of_test(subject, as_model=True)
    if labels is None:
        raise UnusableData(f"{subject.data} has no labels in its part test")
    classifier = ImageClassifier(judge, device=subject.device)
    order = torch.from_numpy(mixed_order(len(test)))
    answers = classifier.probabilities(test[order]).argmax(dim=1)
    error = float((answers != labels[order]).double().mean())
    shown, note = subject.settings.labels, f"{len(labels):,} test pictures"
    if subject.model.origin is None:
        note += "; all labels were shown" if shown is None else f"; {shown:,} labels were shown"
    return Measured(
        rows=(
            Row(
                subject.model.name,
                {"wrong_of_10000": 10_000 * error, "error_percent": 100 * error},
            ),
        ),
        headings={"wrong_of_10000": "wrong of 10,000", "error_percent": "error, %"},
        spread="",
        notes=(note,),
    )
