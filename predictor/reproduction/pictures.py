"""The pictures that a recipe is tested on, cut as those that it is trained on."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from predictor.data import open_images, split_images
from predictor.data.image_packing import packed_images
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

    def picture(row: int) -> dict[str, Tensor]:
        pixels = torch.from_numpy(packed.picture(row).copy()).permute(2, 0, 1)
        found = {"image": pixels.float() * (2 / 255) - 1}
        if packed.labels is not None:
            found["label"] = torch.tensor(packed.labels[row])
        return found

    return _stacked(picture, len(packed), count)


def held_out_pictures(subject: Subject, count: int) -> LabelledPictures:
    """Return at most `count` of the pictures that the recipe holds out, evenly spaced."""
    settings = subject.settings
    held_out = split_images(subject.data, settings.images, settings.seed, subject.cache).held_out
    return _stacked(held_out.__getitem__, len(held_out), count)


def _stacked(
    picture: Callable[[int], dict[str, Tensor]], total: int, count: int | None
) -> LabelledPictures:
    count = total if count is None else min(count, total)
    rows = np.linspace(0, total - 1, count).round().astype(int).tolist()
    found = [picture(row) for row in rows]
    images = torch.stack([example["image"] for example in found])
    if "label" not in found[0]:
        return images, None
    return images, torch.stack([example["label"] for example in found])
