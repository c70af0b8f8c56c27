"""Pictures of which few show their label, put together as semi-supervised training needs them.

Salimans et al. 2016 (code: ``train_mnist_feature_matching.py``).
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from predictor.data.labelled_images import ImageDataset
from predictor.draws import generator_of
from predictor.errors import UnusableData
from predictor.wording import class_called

Key = tuple[int, int]
"""``(epoch, position)``"""


class SemiSupervisedImages(Dataset[dict[str, Tensor]]):
    """Three pictures an example: two without a label, one with.

    An epoch has an example for each picture of `unlabelled`. Both ``image`` and ``matched_image``
    run through all of these once an epoch, each in an order of its own. ``labelled_image`` and
    ``label`` run through `labelled` again and again, each time in a new order. All orders depend on
    the seed and the epoch alone.
    """

    is_shuffled = True

    def __init__(
        self, labelled: ImageDataset, unlabelled: Sequence[ImageDataset], seed: int
    ) -> None:
        self.labelled = labelled
        self.unlabelled = list(unlabelled)
        self.seed = seed
        self._starts = np.cumsum([0, *map(len, self.unlabelled)])

    @property
    def is_quick(self) -> bool:
        """Whether a batch is copied from files that memory holds: see `TrainingDataset`."""
        return self.labelled.is_quick and all(part.is_quick for part in self.unlabelled)

    def __len__(self) -> int:
        """Return the number of pictures without a label."""
        return int(self._starts[-1])

    def __getitem__(self, key: Key) -> dict[str, Tensor]:
        """Return one example."""
        return {name: value[0] for name, value in self.__getitems__([key]).items()}

    def __getitems__(self, keys: Sequence[Key]) -> dict[str, Tensor]:
        """Return a batch of the examples of these keys."""
        labelled = self.labelled.__getitems__(self._labelled_keys(keys))
        return {
            "image": self._unlabelled_images(keys, "discriminator"),
            "matched_image": self._unlabelled_images(keys, "generator"),
            "labelled_image": labelled["image"],
            "label": labelled["label"],
        }

    def _labelled_keys(self, keys: Sequence[Key]) -> list[Key]:
        """Return the round of each key through the labelled pictures, and the picture in it.

        Every round counts as another epoch, so that its crops and mirrorings are others too.
        """
        count = len(self.labelled)
        rounds_an_epoch = -(-len(self) // count)
        found, shown, order = [], None, None
        for epoch, position in keys:
            round_, place = divmod(position, count)
            if order is None or (epoch, round_) != shown:
                shown = epoch, round_
                order = _order(self.seed, f"labelled/{epoch}/{round_}", count)
            found.append((epoch * rounds_an_epoch + round_, int(order[place])))
        return found

    def _unlabelled_images(self, keys: Sequence[Key], reader: str) -> Tensor:
        epochs, positions = np.array(keys).T
        numbers = np.empty(len(keys), np.int64)
        for epoch in np.unique(epochs):
            chosen = epochs == epoch
            numbers[chosen] = _order(self.seed, f"{reader}/{epoch}", len(self))[positions[chosen]]
        sources = np.searchsorted(self._starts, numbers, side="right") - 1
        images: Tensor | None = None
        for source in np.unique(sources):
            chosen = np.flatnonzero(sources == source)
            places = numbers[chosen] - self._starts[source]
            own = list(zip(epochs[chosen].tolist(), places.tolist(), strict=True))
            found = self.unlabelled[source].__getitems__(own)["image"]
            if len(found) == len(keys):
                return found
            images = found.new_empty((len(keys), *found.shape[1:])) if images is None else images
            images[torch.from_numpy(chosen)] = found
        assert images is not None
        return images


@lru_cache(maxsize=64)
def _order(seed: int, purpose: str, count: int) -> NDArray[np.int64]:
    generator = generator_of(seed, purpose)
    order: NDArray[np.int64] = torch.randperm(count, generator=generator).numpy()
    return order


def rows_of_each_class(
    path: Path,
    labels: NDArray[np.int64],
    count: int,
    classes: int,
    seed: int,
    names: Sequence[str] | None = None,
) -> NDArray[np.int64]:
    """Return the rows, in order, of `count` examples drawn by `seed`, as many of each class.

    `count` is a multiple of `classes`. Raises `UnusableData` that names `path` and the class, by
    its name if there are `names`, if it has too few examples.
    """
    each = count // classes
    shuffled = _order(seed, "draw", len(labels))
    drawn = []
    for label in range(classes):
        rows = shuffled[labels[shuffled] == label]
        if len(rows) < each:
            raise UnusableData(
                f"{path} has {len(rows)} labelled pictures of class {class_called(label, names)} "
                f"to train on, expected {each} (labels={count}, classes={classes})"
            )
        drawn.append(rows[:each])
    return np.sort(np.concatenate(drawn))
