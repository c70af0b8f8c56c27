"""Few labels among many pictures: which show theirs, and in what order all of them come."""

import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_images import noise
from torch import Tensor

from predictor.data import ImageDataset, ImageSettings, SemiSupervisedImages, rows_of_each_class
from predictor.data.image_formats import open_images
from predictor.data.image_packing import PackedImages, packed_images
from predictor.errors import UnusableData

SIZE = ImageSettings(size=(2, 2), channels=1)
CLASSES = 3


def packed(folder: Path, count: int, first: int = 0) -> PackedImages:
    """Pictures of one value each: `first`, `first` + 1, …; the class is the value modulo 3."""
    values = np.arange(first, first + count)
    images = np.broadcast_to(values[:, None, None], (count, 2, 2)).astype(np.uint8)
    path = folder / f"{first}.npz"
    np.savez(path, images=images, labels=values % CLASSES)
    return packed_images(open_images(path), "train", SIZE.fit(is_training=True))[0]


def values(images: Tensor) -> list[int]:
    return [int(value) for value in ((images[:, 0, 0, 0] + 1) * 127.5).round()]


@pytest.fixture
def examples(tmp_path: Path) -> SemiSupervisedImages:
    own, more = packed(tmp_path, 20), packed(tmp_path, 15, first=100)
    return SemiSupervisedImages(
        ImageDataset(own, [3, 4, 5, 6, 7, 8], SIZE, 0),
        [ImageDataset(own, range(20), SIZE, 0), ImageDataset(more, range(15), SIZE, 0)],
        seed=0,
    )


def epoch_of(examples: SemiSupervisedImages, epoch: int) -> dict[str, Tensor]:
    return examples.__getitems__([(epoch, position) for position in range(len(examples))])


def test_both_orders_run_through_all_pictures_once_an_epoch(
    examples: SemiSupervisedImages,
) -> None:
    everything = [*range(20), *range(100, 115)]
    orders = []
    for epoch in range(2):
        batch = epoch_of(examples, epoch)
        for name in ("image", "matched_image"):
            assert sorted(values(batch[name])) == everything
            orders.append(tuple(values(batch[name])))
    assert len(set(orders)) == 4


def test_labelled_pictures_come_in_rounds_each_in_its_own_order(
    examples: SemiSupervisedImages,
) -> None:
    batch = epoch_of(examples, 0)
    shown = values(batch["labelled_image"])
    rounds = [tuple(shown[start : start + 6]) for start in range(0, 30, 6)]
    assert all(sorted(each) == [3, 4, 5, 6, 7, 8] for each in rounds)
    assert len(set(rounds)) > 1
    assert batch["label"].tolist() == [value % CLASSES for value in shown]
    assert shown != values(epoch_of(examples, 1)["labelled_image"])


def test_a_batch_is_its_examples_and_depends_on_the_seed_alone(
    examples: SemiSupervisedImages,
) -> None:
    keys = [(0, 33), (0, 34), (1, 0), (1, 1)]
    batch = examples.__getitems__(keys)
    again = pickle.loads(pickle.dumps(examples))
    for row, key in reversed([*enumerate(keys)]):
        for name, value in again[key].items():
            assert torch.equal(value, batch[name][row]), name
    other = SemiSupervisedImages(examples.labelled, examples.unlabelled, seed=1)
    assert not torch.equal(other.__getitems__(keys)["image"], batch["image"])


def test_crops_of_a_labelled_picture_differ_from_round_to_round(tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    np.savez(path, images=noise(4, (8, 8)), labels=np.array([0, 1, 0, 1]))
    chosen = ImageSettings(size=(6, 6), short_side=8, channels=1, crop="random")
    pictures = packed_images(open_images(path), "train", chosen.fit(is_training=True))[0]
    everything = ImageDataset(pictures, range(4), chosen, 0)
    examples = SemiSupervisedImages(ImageDataset(pictures, [2], chosen, 0), [everything], 0)
    shown = torch.cat([epoch_of(examples, epoch)["labelled_image"] for epoch in range(5)])
    assert len({tuple(picture.flatten().tolist()) for picture in shown}) > 4


@settings(deadline=None)
@given(st.integers(0, 5), st.integers(1, 4))
def test_as_many_of_each_class_are_drawn(seed: int, each: int) -> None:
    labels = np.array([0] * 4 + [1] * 9 + [2] * 5)
    rows = rows_of_each_class(Path("d"), labels, CLASSES * each, CLASSES, seed)
    assert Counter(labels[rows].tolist()) == dict.fromkeys(range(CLASSES), each)
    assert len(set(rows.tolist())) == CLASSES * each
    assert rows.tolist() == sorted(rows)


def test_a_draw_depends_on_its_seed() -> None:
    labels = np.arange(300) % CLASSES
    draws = {
        tuple(rows_of_each_class(Path("d"), labels, 6, CLASSES, seed).tolist()) for seed in range(5)
    }
    assert len(draws) == 5
    assert tuple(rows_of_each_class(Path("d"), labels, 6, CLASSES, 3).tolist()) in draws


@pytest.mark.parametrize(("names", "called"), [(None, "2"), (["cat", "dog", "hen"], "hen")])
def test_more_of_a_class_than_it_has_are_refused(names: list[str] | None, called: str) -> None:
    message = f"data has 1 labelled pictures of class {called} to train on, expected 2"
    with pytest.raises(UnusableData, match=message):
        rows_of_each_class(Path("data"), np.array([0, 0, 1, 1, 2]), 6, CLASSES, 0, names)
