"""The pictures that a recipe is tested on, cut as those that it is trained on."""

from collections.abc import Sequence

import torch
from torch import Tensor

from predictor.analysis.pictures import as_images, spaced_rows
from predictor.data import open_images, split_images
from predictor.data.image_packing import PackedImages, packed_images
from predictor.data.image_parts import TEST
from predictor.reproduction.measured import Subject

LabelledPictures = tuple[Tensor, Tensor | None]
"""Pictures ``(N, C, H, W)`` in [-1, 1], and their labels ``(N,)``, None where there are none."""


def pictures_of_test(subject: Subject, count: int | None = None) -> LabelledPictures:
    """Return the part ``test``, or `count` of it, evenly spaced.

    Raises `UnusableData` if there is no such part.
    """
    fit = subject.settings.images.fit(is_training=False)
    packed, _ = packed_images(open_images(subject.data), TEST, fit, subject.cache)
    rows = spaced_rows(len(packed), len(packed) if count is None else count)
    return _middles(packed, rows, fit.size)


def held_out_pictures(subject: Subject, count: int) -> LabelledPictures:
    """Return at most `count` of the pictures that the recipe holds out, evenly spaced."""
    settings = subject.settings
    held_out = split_images(subject.data, settings.images, settings.seed, subject.cache).held_out
    rows = held_out.rows[spaced_rows(len(held_out), count)]
    return _middles(held_out.packed, rows.tolist(), held_out.size)


def _middles(packed: PackedImages, rows: Sequence[int], size: tuple[int, int]) -> LabelledPictures:
    labels = None if packed.labels is None else torch.from_numpy(packed.labels[rows])
    return as_images(packed.pictures(rows, size)), labels
