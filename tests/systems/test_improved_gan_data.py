"""The data of the system ``improved-gan``: which pictures show their labels, which have none."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "data"))
from made_images import write_png
from test_improved_gan import chosen, pictures

from predictor.errors import UnusableData
from predictor.systems import SYSTEMS
from predictor.systems.improved_gan import open_data
from predictor.training.loop import train


def test_held_out_pictures_are_used_without_their_labels_if_asked(tmp_path: Path) -> None:
    path = pictures(tmp_path / "d.npz")
    without = open_data(chosen(labels=9), path)
    assert len(without.train) == 48
    data = open_data(chosen(labels=9, held_out_pictures=True), path)
    assert len(data.train) == 60
    train: Any = data.train
    held_out: Any = data.validation
    shown, measured = set(train.labelled.rows), set(held_out.dataset.rows)
    assert (len(shown), len(measured)) == (9, 12)
    assert not shown & measured
    labels = train.labelled.packed.labels[sorted(shown)]
    assert np.bincount(labels).tolist() == [3, 3, 3]
    other: Any = open_data(chosen(labels=9, labels_seed=1), path).train
    assert set(other.labelled.rows) != shown


def test_all_labels_are_shown_where_no_number_is_given(tmp_path: Path) -> None:
    train: Any = open_data(chosen(), pictures(tmp_path / "d.npz")).train
    assert len(train.labelled) == 48


def test_more_pictures_may_lie_elsewhere_and_without_labels(tmp_path: Path) -> None:
    more = tmp_path / "more.npz"
    np.savez(more, images=np.full((7, 4, 4), 255, np.uint8))
    data = open_data(chosen(unlabelled=str(more)), pictures(tmp_path / "d.npz"), tmp_path / "run")
    assert len(data.train) == 48 + 7
    train: Any = data.train
    batch = train.__getitems__([(0, position) for position in range(55)])
    for name in ("image", "matched_image"):
        assert int((batch[name].amin((1, 2, 3)) == 1).sum()) == 7
    assert not (batch["labelled_image"].amin((1, 2, 3)) == 1).any()


@pytest.mark.parametrize("place", ["unlabelled", "b/more", "../elsewhere", "link"])
def test_a_folder_of_unlabelled_pictures_is_no_class(tmp_path: Path, place: str) -> None:
    random = np.random.default_rng(0)
    data = tmp_path / "data"
    more = tmp_path / "linked" if place == "link" else data / place
    for folder in [*(data / name for name in "abc"), more]:
        for number in range(5):
            write_png(folder / f"{number}.png", random.integers(0, 256, (4, 4), np.uint8))
    if place == "link":
        (data / place).symlink_to(more)
    settings = chosen(unlabelled=str(data / place), batch_size=3)
    data_of_run: Any = open_data(settings, data)
    assert data_of_run.class_names == ("a", "b", "c")
    assert len(data_of_run.train.labelled) == 12
    assert len(data_of_run.train) == 12 + 5


def test_a_part_that_is_shown_without_labels_stays_a_part(tmp_path: Path) -> None:
    for part, count in (("train", 4), ("val", 2)):
        for name in "abc":
            for number in range(count):
                write_png(tmp_path / part / name / f"{number}.png", np.zeros((4, 4), np.uint8))
    data: Any = open_data(chosen(unlabelled=str(tmp_path / "val")), tmp_path)
    assert (len(data.train), len(data.validation.dataset)) == (12 + 6, 6)


def test_where_pictures_without_a_label_may_lie_is_said(tmp_path: Path) -> None:
    for name in ("a/1", "b/1", "c/1", "loose"):
        write_png(tmp_path / f"{name}.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(UnusableData, match=r"such as loose\.png; .*; --unlabelled FOLDER names"):
        open_data(chosen(), tmp_path)


def test_a_class_with_too_few_labels_is_called_by_its_folder(tmp_path: Path) -> None:
    for name, count in (("ape", 9), ("bee", 2), ("cow", 9)):
        for number in range(count):
            write_png(tmp_path / name / f"{number}.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(UnusableData, match=r"has \d labelled pictures of class bee to train on"):
        open_data(chosen(labels=9, batch_size=2), tmp_path)


@pytest.mark.parametrize(
    "values", [{"labels": 60}, {"unlabelled": "none"}, {"batch_size": 49}, {"classes": 4}]
)
def test_a_start_that_is_refused_leaves_no_decoded_pictures(
    tmp_path: Path, values: dict[str, Any]
) -> None:
    path = pictures(tmp_path / "d.npz")
    with pytest.raises(UnusableData):
        train(tmp_path / "r" / "x", "improved-gan", SYSTEMS["improved-gan"], chosen(**values), path)
    assert not (tmp_path / "r").exists()


def test_bad_data_are_named(tmp_path: Path) -> None:
    path = pictures(tmp_path / "d.npz")
    with pytest.raises(UnusableData, match=r"d\.npz has \d+ labelled pictures of class 0 to train"):
        open_data(chosen(labels=60), path)
    with pytest.raises(UnusableData, match=r"d\.npz has no labelled picture of class 3"):
        open_data(chosen(classes=4), path)
    with pytest.raises(UnusableData, match="label 2, expected 0 to 1"):
        open_data(chosen(classes=2), path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnusableData, match="empty has no picture in it"):
        open_data(chosen(unlabelled=str(tmp_path / "empty")), path)
    with pytest.raises(UnusableData, match="none does not exist"):
        open_data(chosen(unlabelled=str(tmp_path / "none")), path)
    with pytest.raises(UnusableData, match="48 pictures to train on, fewer than a batch"):
        open_data(chosen(batch_size=49), path)
    np.savez(tmp_path / "bare.npz", images=np.zeros((9, 4, 4), np.uint8))
    with pytest.raises(UnusableData, match=r"bare\.npz has no labels"):
        open_data(chosen(), tmp_path / "bare.npz")
