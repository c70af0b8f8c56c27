"""MAT files: the pictures and labels of SVHN, and others that lie beside pictures."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_images import (
    noise,
    write_mat,
    write_png,
)
from picture_sets import (
    IMAGES,
    LABELS,
    MORE,
    MORE_LABELS,
    cut,
    mat_of_something_else,
    short_mat,
    svhn,
)

from predictor.data.image_formats import open_images, open_pictures
from predictor.errors import UnusableData


def test_annotations_in_mat_files_beside_pictures_are_left_alone(tmp_path: Path) -> None:
    mat_of_something_else(tmp_path).rename(tmp_path / "imagelabels.mat")
    short_mat(tmp_path)
    write_png(tmp_path / "jpg" / "image_00001.png", IMAGES[0])
    for opened in (open_images, open_pictures):
        assert list(opened(tmp_path).part("train").names) == ["jpg/image_00001.png"]


def test_mat_files_without_pictures_beside_those_of_svhn_are_left_alone(tmp_path: Path) -> None:
    path = svhn(tmp_path)
    mat_of_something_else(path)
    assert set(open_images(path).parts) == {"train", "test"}
    cut(path / "train_32x32.mat")
    with pytest.raises(UnusableData, match=r"train_32x32\.mat is cut short"):
        open_images(path)


@pytest.mark.parametrize("kind", [np.uint8, np.float64])
@pytest.mark.parametrize("first", [0, 1])
def test_labels_of_svhn_are_whole_numbers_from_0_or_from_1_on(
    first: int, kind: type, tmp_path: Path
) -> None:
    classes = np.arange(10)
    called = classes if first == 0 else np.where(classes == 0, 10, classes)
    write_mat(tmp_path / "a.mat", noise(10), called.astype(kind))
    labels = open_images(tmp_path / "a.mat").part("train").labels
    assert labels is not None
    assert (labels.dtype, labels.tolist()) == (np.int64, classes.tolist())


@pytest.mark.parametrize("labels", [LABELS + 0.5, LABELS + 9, np.full(6, np.nan)])
def test_other_labels_of_svhn_are_refused(labels: Any, tmp_path: Path) -> None:
    write_mat(tmp_path / "a.mat", IMAGES, labels)
    with pytest.raises(UnusableData, match="not whole numbers from 0 to 9 or from 1 to 10"):
        open_images(tmp_path)


def test_label_0_and_label_10_are_not_made_one(tmp_path: Path) -> None:
    write_mat(tmp_path / "train_32x32.mat", IMAGES, LABELS + 8)
    write_mat(tmp_path / "test_32x32.mat", MORE, MORE_LABELS)
    with pytest.raises(
        UnusableData, match=r"test_32x32\.mat has label 0 and .*train_32x32\.mat label 10, which"
    ):
        open_images(tmp_path)
