"""The pictures that a recipe is tested on, cut as those that it is trained on."""

from collections.abc import Sequence

import torch
from torch import Tensor

from predictor.analysis.class_names import labels_of_model
from predictor.analysis.pictures import as_images, spaced_rows
from predictor.data import open_images, split_images
from predictor.data.image_packing import PackedImages, packed_images
from predictor.data.image_parts import TEST, ImageCollection
from predictor.errors import SettingsError
from predictor.reproduction.measured import Subject

LabelledPictures = tuple[Tensor, Tensor | None]
"""Pictures ``(N, C, H, W)`` in [-1, 1], and their labels ``(N,)``, None where there are none."""


def pictures_of_test(
    subject: Subject, count: int | None = None, *, as_model: bool = False
) -> LabelledPictures:
    """Return the part ``test``, or `count` of it, evenly spaced.

    With `as_model` the labels are those that the model has for the classes of these names. Raises
    `UnusableData` if there is no such part, or then for a class that the model has not, and
    `SettingsError` for a model of pictures of another shape.
    """
    _require_shape(subject)
    fit = subject.settings.images.fit(is_training=False)
    collection = open_images(subject.data)
    packed, _ = packed_images(collection, TEST, fit, subject.cache)
    rows = spaced_rows(len(packed), len(packed) if count is None else count)
    found = as_images(packed.pictures(rows, fit.size))
    return found, _labels(subject, collection, packed, rows, as_model=as_model)


def held_out_pictures(subject: Subject, count: int, *, as_model: bool = False) -> LabelledPictures:
    """Return at most `count` of the pictures that the recipe holds out, evenly spaced.

    Labels as in `pictures_of_test`.
    """
    settings = subject.settings
    split = split_images(subject.data, settings.images, settings.seed, subject.cache)
    held_out = split.held_out
    rows = held_out.rows[spaced_rows(len(held_out), count)].tolist()
    found = as_images(held_out.packed.pictures(rows, held_out.size))
    return found, _labels(subject, split.collection, held_out.packed, rows, as_model=as_model)


def _labels(
    subject: Subject,
    collection: ImageCollection,
    packed: PackedImages,
    rows: Sequence[int],
    *,
    as_model: bool,
) -> Tensor | None:
    if packed.labels is None:
        return None
    labels, names = packed.labels[rows], subject.model.class_names
    if as_model and names is not None:
        labels = labels_of_model(subject.data, labels, collection.class_names, names)
    return torch.from_numpy(labels)


def _require_shape(subject: Subject) -> None:
    wanted, found = subject.settings.images.shape, subject.model.picture_shape()
    if found not in (None, wanted):
        raise SettingsError(
            f"the pictures of {subject.model.name} are {found}, those of the recipe "
            f"{subject.recipe.name} {wanted} (channels, height, width)"
        )
