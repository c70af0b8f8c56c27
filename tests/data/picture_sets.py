"""Small sets of pictures and labels in the forms of published ones."""

from pathlib import Path

import numpy as np
from made_images import (
    cifar_batch,
    noise,
    png_bytes,
    write_mat,
    write_png,
    write_tar,
)

IMAGES, LABELS = noise(6), np.array([1, 0, 2, 1, 0, 2])
MORE, MORE_LABELS = noise(3, seed=1), np.array([2, 1, 0])


def keras(path: Path) -> Path:
    file = path / "data.npz"
    np.savez_compressed(
        file, x_train=IMAGES, y_train=LABELS[:, None], x_test=MORE, y_test=MORE_LABELS
    )
    return file


def medmnist(path: Path) -> Path:
    file = path / "data.npz"
    np.savez(
        file,
        train_images=IMAGES.transpose(0, 3, 1, 2),
        train_labels=LABELS,
        test_images=MORE,
        test_labels=MORE_LABELS,
    )
    return file


def svhn(path: Path) -> Path:
    # ten is zero there
    write_mat(path / "train_32x32.mat", IMAGES, np.where(LABELS == 0, 10, LABELS))
    write_mat(path / "test_32x32.mat", MORE, np.where(MORE_LABELS == 0, 10, MORE_LABELS))
    return path


def class_folders(path: Path) -> Path:
    for part, images, labels in (("train", IMAGES, LABELS), ("test", MORE, MORE_LABELS)):
        for row, (image, label) in enumerate(zip(images, labels, strict=True)):
            write_png(path / part / "abc"[label] / f"{row}.png", image)
    return path


def class_folder_archive(path: Path) -> Path:
    files: dict[str, bytes | None] = {"root/README.md": b"no picture"}
    for part, images, labels in (("train", IMAGES, LABELS), ("test", MORE, MORE_LABELS)):
        for row, (image, label) in enumerate(zip(images, labels, strict=True)):
            files[f"root/{part}/{'abc'[label]}/{row}.png"] = png_bytes(image)
    file = path / "data.tar.xz"
    write_tar(file, files)
    return file


def cifar_files() -> dict[str, bytes]:
    ten = noise(10, (32, 32, 3))
    files = {f"data_batch_{k}.bin": cifar_batch(ten[k - 1 : k], np.array([k])) for k in range(1, 6)}
    return {
        "batches.meta.txt": b"airplane\nautomobile\n\n",
        **files,
        "test_batch.bin": cifar_batch(ten[5:], np.arange(5)),
    }


def mat_of_something_else(folder: Path) -> Path:
    from scipy.io import savemat

    savemat(folder / "d.mat", {"signal": np.arange(3)})
    return folder / "d.mat"


def short_mat(folder: Path) -> Path:
    (folder / "d.mat").write_bytes(b"MATLAB 5.0".ljust(50))
    return folder


def cut(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:-40])
    return path
