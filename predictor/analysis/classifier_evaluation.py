"""How often a classifier is right on the labelled test pictures of a set."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from predictor.analysis.features import ImageEncoder
from predictor.analysis.pictures import fitted_pictures, image_batches
from predictor.data.image_parts import TEST, TRAIN, VALIDATION
from predictor.errors import UnusableData
from predictor.networks.classifier import Classifier


@dataclass(frozen=True)
class ClassifierScores:
    """Means over the pictures of one part."""

    part: str
    pictures: int
    accuracy_percent: float
    cross_entropy_nats: float
    worst_class: str
    """The one that is missed most often."""
    worst_class_accuracy_percent: float

    def as_json(self) -> dict[str, Any]:
        """Return what `json.dump` takes."""
        names = ("accuracy_percent", "cross_entropy_nats")
        return {**asdict(self), "scores": {name: getattr(self, name) for name in names}}


@torch.no_grad()
def evaluated_classifier(
    network: Classifier, data: Path, device: torch.device | str = "cpu"
) -> ClassifierScores:
    """Return what `network` reaches on the part ``test`` at `data`, else on ``val`` or ``train``.

    Raises `UnusableData` for pictures without labels or of more classes than it has.
    """
    encoder: ImageEncoder = network
    found = fitted_pictures(data, encoder, are_labelled=True)
    part = next(name for name in (TEST, VALIDATION, TRAIN) if name in found.parts)
    pictures = found.parts[part]
    assert pictures.labels is not None  # or it would have been refused
    labels = torch.from_numpy(pictures.labels)
    if int(labels.max()) >= network.classes:
        raise UnusableData(
            f"{data} has label {int(labels.max())}, the classifier knows 0 to {network.classes - 1}"
        )
    network.to(device).eval()
    logits = torch.cat(
        [network(images.to(device)).float().cpu() for images in image_batches(pictures.pixels)]
    )
    right = logits.argmax(1) == labels
    by_class = _by_class(right, labels)
    worst = min(by_class, key=lambda label: by_class[label])
    names = found.class_names
    return ClassifierScores(
        part=part,
        pictures=len(labels),
        accuracy_percent=100 * float(right.double().mean()),
        cross_entropy_nats=float(functional.cross_entropy(logits.double(), labels)),
        worst_class=str(worst) if names is None else names[worst],
        worst_class_accuracy_percent=100 * by_class[worst],
    )


def _by_class(right: Tensor, labels: Tensor) -> dict[int, float]:
    found = sorted(set(labels.tolist()))
    return {label: float(right[labels == label].double().mean()) for label in found}
