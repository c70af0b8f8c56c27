"""Bad files of pictures are named, and nothing in them is run."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made_images import (
    Bomb,
    noise,
    pickled_bomb,
    write_idx,
    write_mat,
    write_tar,
)
from picture_sets import (
    IMAGES,
    LABELS,
    cifar_files,
    class_folder_archive,
    cut,
    keras,
    mat_of_something_else,
    short_mat,
    svhn,
)

from predictor.data.image_formats import open_images
from predictor.errors import UnusableData


def cut_npz(folder: Path) -> Path:
    return cut(keras(folder))


def cut_idx(folder: Path) -> Path:
    write_idx(folder / "train-images-idx3-ubyte", noise(5, (8, 8)))
    return cut(folder / "train-images-idx3-ubyte")


def cut_packed_idx(folder: Path) -> Path:
    write_idx(folder / "train-images-idx3-ubyte.gz", noise(5, (8, 8)))
    return cut(folder / "train-images-idx3-ubyte.gz")


def cut_mat(folder: Path) -> Path:
    return cut(svhn(folder) / "train_32x32.mat")


def cut_archive(folder: Path) -> Path:
    path = class_folder_archive(folder)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def cut_batch(folder: Path) -> Path:
    for name, data in cifar_files().items():
        (folder / name).write_bytes(data)
    cut(folder / "data_batch_3.bin")
    return folder


def no_picture(folder: Path) -> Path:
    (folder / "notes.txt").write_text("none")
    return folder


def wrong_keys(folder: Path) -> Path:
    np.savez(folder / "d.npz", pictures=IMAGES)
    return folder / "d.npz"


def npy_called_npz(folder: Path) -> Path:
    np.save(folder / "d.npy", IMAGES)
    return (folder / "d.npy").rename(folder / "d.npz")


def floats(folder: Path) -> Path:
    np.savez(folder / "d.npz", images=IMAGES * 3.5)
    return folder / "d.npz"


def four_channels(folder: Path) -> Path:
    np.savez(folder / "d.npz", images=noise(2, (8, 8, 4)))
    return folder / "d.npz"


def one_colour_picture(folder: Path) -> Path:
    np.savez(folder / "d.npz", images=noise(1, (8, 9, 3))[0])
    return folder / "d.npz"


def too_few_labels(folder: Path) -> Path:
    np.savez(folder / "d.npz", images=IMAGES, labels=LABELS[:-1])
    return folder / "d.npz"


def negative_label(folder: Path) -> Path:
    np.savez(folder / "d.npz", images=IMAGES, labels=LABELS - 1)
    return folder / "d.npz"


def two_sets(folder: Path) -> Path:
    for name in ("digits-train", "letters-train"):
        write_idx(folder / f"{name}-images-idx3-ubyte", noise(2, (8, 8)))
    return folder


def only_extra(folder: Path) -> Path:
    for name in ("test", "extra"):
        write_mat(folder / f"{name}_32x32.mat", IMAGES, LABELS + 1)
    return folder


def mats_of_something_else(folder: Path) -> Path:
    return mat_of_something_else(folder).parent


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (cut_npz, r"data\.npz is damaged or no NPZ file"),
        (cut_idx, r"has 296 bytes, expected 336 for \(5, 8, 8\)"),
        (cut_packed_idx, r"idx3-ubyte\.gz is cut short or damaged"),
        (cut_mat, r"train_32x32\.mat is cut short"),
        (cut_archive, r"data\.tar\.xz is damaged, cut short"),
        (cut_batch, r"data_batch_3\.bin in .* has 3033 bytes, expected a multiple of 3073"),
        (no_picture, "has no picture in it"),
        (npy_called_npz, r"d\.npz is an NPY file, one array without a name; expected NPZ"),
        (wrong_keys, "has pictures; expected x_train and y_train"),
        (floats, r"images in .*d\.npz holds float64 from 0 to 892\.5, expected pictures of uint8"),
        (four_channels, r"images in .*d\.npz has shape \(2, 8, 8, 4\)"),
        (one_colour_picture, r"has shape \(8, 9, 3\): one colour picture\? expected \(N, H, W\)"),
        (too_few_labels, r"d\.npz has 6 pictures and labels of shape \(5,\), expected .*\(6,\)"),
        (negative_label, r"picture 1 of images in .*d\.npz has label -1, expected 0 or more"),
        (two_sets, "two sets: digits-train-images-idx3-ubyte and letters-train"),
        (only_extra, r"only extra, test of SVHN, no train_32x32\.mat"),
        (mat_of_something_else, r"no pictures X \(H, W, 3, N\)"),
        (mats_of_something_else, r"d\.mat has no pictures X \(H, W, 3, N\)"),
        (short_mat, r"d\.mat is cut short, damaged or no MAT file"),
        (lambda folder: folder / "absent", "absent does not exist; expected a folder of pictures"),
    ],
)
def test_bad_file_is_named(make: Callable[[Path], Path], said: str, tmp_path: Path) -> None:
    with pytest.raises(UnusableData, match=said):
        open_images(make(tmp_path))


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    batches = tmp_path / "cifar-10-batches-py"
    batches.mkdir()
    (batches / "data_batch_1").write_bytes(pickled_bomb())
    archive = tmp_path / "cifar-10-python.tar.gz"
    write_tar(archive, {"cifar-10-batches-py/data_batch_1": pickled_bomb()})
    hundred = tmp_path / "hundred" / "cifar-100-python"
    hundred.mkdir(parents=True)
    for name in ("train", "test", "meta"):
        (hundred / name).write_bytes(pickled_bomb())
    for path in (batches, batches / "data_batch_1", archive, hundred, hundred.parent):
        with pytest.raises(UnusableData, match=r"pickles, which run code.*binary version"):
            open_images(path)
    np.savez(tmp_path / "bomb.npz", images=np.array([Bomb()], dtype=object))
    with pytest.raises(UnusableData, match="which run code when they are read"):
        open_images(tmp_path / "bomb.npz")
