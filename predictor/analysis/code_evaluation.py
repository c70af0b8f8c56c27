"""Evaluation of the codes of a model: their information, and the first one as a classifier."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from predictor.analysis.code_reader import CodeReader, group_information
from predictor.analysis.pictures import MEASURED, Pictures, fitted_pictures, image_batches
from predictor.data.image_packing import fit_of_shape
from predictor.errors import UnusableData
from predictor.image_sampler import ImageSampler
from predictor.metrics import assigned_class_error, assigned_classes
from predictor.structured_latents import StructuredLatents


@dataclass(frozen=True, eq=False)
class CodeClasses:
    """The first categorical code as a classifier."""

    counts: Tensor
    """``(K, classes)`` int64: pictures of each category and class."""
    class_names: tuple[str, ...]
    assigned: tuple[int, ...]
    """The most common class of each category; -1 for one without pictures."""
    error_percent: float
    """Share of pictures that are not of their category's class."""


@dataclass(frozen=True, eq=False)
class CodeScores:
    """The scores of a model's codes."""

    structure: StructuredLatents
    information_nats: Mapping[str, float]
    """By code, over samples."""
    classes: CodeClasses | None
    """None if the pictures have no labels or the model has no categorical code."""

    def named(self) -> dict[str, float]:
        """Return the numbers for a model card, the unit in each name."""
        found = {f"information_{name}_nats": v for name, v in self.information_nats.items()}
        if self.classes is not None:
            found["c1_error_percent"] = self.classes.error_percent
        return found

    def as_json(self) -> dict[str, Any]:
        """Return what `json.dump` takes."""
        groups = group_information(self.structure, self.information_nats)
        found: dict[str, Any] = {
            "information_nats": {**self.information_nats, **groups},
            "c1_error_percent": None,
        }
        if self.classes is not None:
            found |= {
                "c1_error_percent": self.classes.error_percent,
                "c1_classes": [
                    self.classes.class_names[label] if label >= 0 else None
                    for label in self.classes.assigned
                ],
                "c1_counts": self.classes.counts.tolist(),
                "labelled_images": int(self.classes.counts.sum()),
            }
        return found


def evaluated_codes(
    reader: CodeReader,
    sampler: ImageSampler,
    path: Path,
    samples: int = 10_000,
    seed: int = 0,
    *,
    are_labelled: bool = False,
) -> CodeScores:
    """Measure the codes of a model; the first categorical one on the labels of pictures at `path`.

    Those of the part ``test`` where there is one, else of ``val``, else all. Each category is
    assigned the class that most of these very pictures in it have, as Chen et al. 2016 do. With
    `are_labelled` raises `UnusableData` where there are no labels, and for a model without a
    categorical code.
    """
    structure = reader.structure
    if are_labelled and not structure.categorical:
        raise UnusableData("the model has no categorical code, which could be a classifier")
    fit = fit_of_shape(reader.image_shape, reader.short_side)
    found = fitted_pictures(path, fit, first_of=MEASURED)
    (pictures,) = found.parts.values()
    if are_labelled and pictures.labels is None:
        raise UnusableData(f"{path} has no labels, which --labelled asks for")
    classes = None
    if structure.categorical and pictures.labels is not None:
        labels = torch.from_numpy(pictures.labels)
        classes = _classes(reader, pictures, labels, found.class_names)
    return CodeScores(structure, reader.information(sampler, samples, seed), classes)


def _classes(
    reader: CodeReader, pictures: Pictures, labels: Tensor, names: tuple[str, ...] | None
) -> CodeClasses:
    read = [reader.codes(images).categories[0] for images in image_batches(pictures.pixels)]
    categories = torch.cat(read)
    count = 1 + int(labels.max()) if names is None else len(names)
    counts = torch.zeros(reader.structure.categorical[0], count, dtype=torch.int64)
    counts.index_put_((categories, labels), torch.ones_like(labels), accumulate=True)
    assigned = assigned_classes(categories, labels).tolist()
    assigned += [-1] * (len(counts) - len(assigned))
    return CodeClasses(
        counts,
        names or tuple(map(str, range(count))),
        tuple(assigned),
        100 * assigned_class_error(categories, labels),
    )


def most_nats(structure: StructuredLatents, name: str) -> float:
    """Return the upper bound of a code's information: its entropy if categorical, else infinity."""
    if name in structure.categorical_names:
        return math.log(structure.categorical[structure.categorical_names.index(name)])
    return math.inf
