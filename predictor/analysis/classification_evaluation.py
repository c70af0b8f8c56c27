"""How often a classifier, or several together, are wrong on labelled pictures, and how sure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from predictor.analysis.class_names import labels_of_model
from predictor.analysis.classifiers import common_fit
from predictor.analysis.features import BATCH
from predictor.analysis.intervals import number_json
from predictor.analysis.pictures import (
    MEASURED,
    Pixels,
    as_images,
    fitted_pictures,
    mixed_order,
)
from predictor.image_classifier import ImageClassifier
from predictor.metrics import Calibration, calibration


@dataclass(frozen=True)
class ClassScores:
    """What was found for one class."""

    name: str
    pictures: int
    right: int
    answers: int
    """Pictures that were taken for it."""

    @property
    def recall_percent(self) -> float:
        """Share of its pictures that were taken for it; NaN where there are none."""
        return 100 * self.right / self.pictures if self.pictures else float("nan")

    @property
    def precision_percent(self) -> float:
        """Share of what was taken for it that is of it; NaN where nothing was."""
        return 100 * self.right / self.answers if self.answers else float("nan")


@dataclass(frozen=True)
class ClassificationEvaluation:
    """What was measured on one part of labelled pictures."""

    part: str
    pictures: int
    class_names: tuple[str, ...]
    confusion: NDArray[np.int64]
    """``(K, K)``: pictures of the class of the row that were taken for that of the column. Of
    several models it is that of their mean."""
    calibration: Calibration
    cross_entropy_nats: float
    """Mean of -ln of the probability of the true class."""
    wrong_by_model: Mapping[str, int]
    """Of each model by itself."""
    skipped: tuple[str, ...]

    @property
    def wrong(self) -> int:
        """Pictures taken for another class."""
        return self.pictures - int(self.confusion.trace())

    @property
    def error_percent(self) -> float:
        """Their share."""
        return 100 * self.wrong / self.pictures

    @property
    def mean_wrong(self) -> tuple[float, float]:
        """Mean and deviation of the pictures that single models take for another class."""
        found = list(self.wrong_by_model.values())
        return mean(found), stdev(found) if len(found) > 1 else 0.0

    def classes(self) -> list[ClassScores]:
        """Return the scores of each class."""
        return [
            ClassScores(
                name,
                pictures=int(self.confusion[label].sum()),
                right=int(self.confusion[label, label]),
                answers=int(self.confusion[:, label].sum()),
            )
            for label, name in enumerate(self.class_names)
        ]

    def as_json(self) -> dict[str, Any]:
        """Return what `json.dump` takes; ``scores`` are those of a card."""
        average, deviation = self.mean_wrong
        bins = self.calibration
        return {
            "part": self.part,
            "pictures": self.pictures,
            "scores": {
                "wrong": self.wrong,
                "error_percent": self.error_percent,
                "cross_entropy_nats": self.cross_entropy_nats,
                "expected_calibration_error_percent": 100 * bins.expected_error,
            },
            "models": [
                {"model": name, "wrong": wrong} for name, wrong in self.wrong_by_model.items()
            ],
            "mean_wrong": average,
            "deviation_wrong": deviation,
            "classes": [
                {
                    "class": each.name,
                    "pictures": each.pictures,
                    "recall_percent": number_json(each.recall_percent),
                    "precision_percent": number_json(each.precision_percent),
                }
                for each in self.classes()
            ],
            "confusion": self.confusion.tolist(),
            "reliability": [
                {
                    "pictures": int(count),
                    "confidence": number_json(float(confidence)),
                    "accuracy": number_json(float(accuracy)),
                }
                for count, confidence, accuracy in zip(
                    bins.counts, bins.confidence, bins.accuracy, strict=True
                )
            ],
            "skipped": list(self.skipped),
        }


def evaluated_classification(
    models: Mapping[str, ImageClassifier], path: Path, unlabelled: Path | None = None
) -> ClassificationEvaluation:
    """Measure models by name, and the mean of their probabilities, on the pictures at `path`.

    A folder `unlabelled` in it is left out.

    The part ``test`` is measured, else ``val``, else ``train``. Classes that have names on both
    sides are matched by these, so the data may lack some. Raises `UnusableData` for pictures
    without labels and for classes that the models do not know, `UnknownModel` for models that do
    not take the same pictures or tell the same classes.
    """
    classifiers = list(models.values())
    fit = common_fit(classifiers)
    names = classifiers[0].class_names
    found = fitted_pictures(path, fit, are_labelled=True, first_of=MEASURED, without=unlabelled)
    ((part, pictures),) = found.parts.items()
    assert pictures.labels is not None  # or it would have been refused
    remedy = "--unlabelled names a folder of it that is no class" if path.is_dir() else ""
    own = labels_of_model(path, pictures.labels, found.class_names, names, remedy)
    labels = torch.from_numpy(own)
    single = _probabilities(classifiers, pictures.pixels)
    together = single.mean(dim=0)
    answers = together.argmax(dim=1)
    return ClassificationEvaluation(
        part=part,
        pictures=len(labels),
        class_names=names,
        confusion=_confusion(labels, answers, len(names)),
        calibration=calibration(together, labels),
        cross_entropy_nats=_cross_entropy(together[range(len(labels)), labels]),
        wrong_by_model={
            name: int((own.argmax(dim=1) != labels).sum())
            for name, own in zip(models, single, strict=True)
        },
        skipped=found.skipped,
    )


def _probabilities(classifiers: Sequence[ImageClassifier], pixels: Pixels) -> Tensor:
    """Return p(class) ``(models, N, K)`` of the pictures, looked at in `mixed_order`."""
    order = mixed_order(len(pixels))
    found = torch.empty(len(classifiers), len(order), classifiers[0].network.classes)
    for rows in np.split(order, range(BATCH, len(order), BATCH)):
        images = as_images(pixels[rows])
        found[:, rows] = torch.stack([each.probabilities(images) for each in classifiers])
    return found


def _cross_entropy(probabilities: Tensor) -> float:
    """Return the mean of -ln of probabilities, of those that float32 takes for 0 at most 87."""
    least = torch.finfo(torch.float32).tiny
    return float(-probabilities.double().clamp_min(least).log().mean())


def _confusion(labels: Tensor, answers: Tensor, classes: int) -> NDArray[np.int64]:
    cells = torch.bincount(labels * classes + answers, minlength=classes**2)
    found: NDArray[np.int64] = cells.reshape(classes, classes).numpy()
    return found
