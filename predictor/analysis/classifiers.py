"""The classifier of a model, and what it says of pictures in files."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from predictor.analysis.csv_rows import csv_text
from predictor.analysis.pictures import image_batches, place_of
from predictor.data.image_formats import open_pictures
from predictor.data.image_packing import Fit, fit_of_shape, packed_images
from predictor.devices import chosen_device, uses_bfloat16
from predictor.errors import UnknownModel
from predictor.image_classifier import ImageClassifier, averaged_probabilities
from predictor.model_files import find_model
from predictor.networks.classification import ClassifierNetwork
from predictor.weights import load_network_of

COLUMNS = ("file", "class", "probability")


@dataclass(frozen=True)
class Answer:
    """What a picture was taken for."""

    file: str
    """Relative to the folder asked about, or a row of a file of many pictures: ``x_test[3]``."""
    class_name: str
    probability: float


@dataclass(frozen=True)
class Answers:
    """A row for each readable picture, in order."""

    rows: tuple[Answer, ...]
    skipped: tuple[str, ...]
    """What could not be read, one line each; it has no row."""

    def as_csv(self) -> str:
        """Return them as a table with a line of the column names."""
        rows = ((row.file, row.class_name, f"{row.probability:.6f}") for row in self.rows)
        return csv_text(COLUMNS, rows)


def load_classifier(
    name_or_file: str | os.PathLike[str], device: str = "auto", precision: str = "auto"
) -> ImageClassifier:
    """Return the classifier of a bundled model, of a weights file or of a model folder.

    It is the network that people run, or the discriminator that was released with it. Raises
    `UnknownModel`, also for a model that tells no classes, and `DamagedWeights`.
    """
    network, metadata = load_network_of(ClassifierNetwork, find_model(name_or_file))
    if not isinstance(network, ClassifierNetwork):
        role = getattr(network, "role", type(network).__name__)
        raise UnknownModel(
            f"the model {os.fspath(name_or_file)}, of the system {metadata.task}, tells no "
            f"classes: expected a classifier, not a {role}, or beside a generator the "
            "discriminator that predictor train improved-gan made"
        )
    chosen = chosen_device(device)
    use_bfloat16 = uses_bfloat16(precision, chosen)
    return ImageClassifier(network, metadata.class_names, chosen, use_bfloat16, metadata.short_side)


def classified_pictures(classifiers: Sequence[ImageClassifier], path: Path) -> Answers:
    """Return what the mean of `classifiers` takes the pictures at `path` for.

    A folder is read with all folders below it, whatever their names, in the order of the paths.
    Pictures of another size are resized and cropped in the middle, colours made grey and grey
    repeated, as in training. Raises `UnusableData`.
    """
    fit = common_fit(classifiers)
    collection = open_pictures(path)
    rows, skipped = [], list(collection.skipped)
    names = classifiers[0].class_names
    for part in collection.parts:
        packed, unread = packed_images(collection, part, fit)
        skipped += unread
        pixels = packed.pictures(range(len(packed)), fit.size)
        batches = [averaged_probabilities(classifiers, images) for images in image_batches(pixels)]
        sure, labels = torch.cat(batches).max(dim=1)
        for name, label, probability in zip(packed.names, labels, sure, strict=True):
            rows.append(Answer(name, names[int(label)], float(probability)))
    rows.sort(key=lambda row: place_of(row.file))
    return Answers(tuple(rows), tuple(skipped))


def common_fit(classifiers: Sequence[ImageClassifier]) -> Fit:
    """Return how pictures are resized and cropped to what all of `classifiers` take.

    Raises `UnknownModel` if two differ in it, or in the classes that they tell.
    """
    first = classifiers[0]
    for other in classifiers[1:]:
        for what in ("image_shape", "short_side", "class_names"):
            ours, theirs = getattr(first, what), getattr(other, what)
            if ours != theirs:
                raise UnknownModel(
                    f"the models cannot answer together: the {what.replace('_', ' ')} of one is "
                    f"{ours}, of another {theirs}"
                )
    return fit_of_shape(first.image_shape, first.short_side)
