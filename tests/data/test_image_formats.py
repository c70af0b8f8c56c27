"""Every format yields the pictures and labels that were written."""

from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_images import (
    cifar_batch,
    noise,
    pictures_of,
    png_bytes,
    write_idx,
    write_mat,
    write_png,
    write_tar,
)
from picture_sets import (
    IMAGES,
    LABELS,
    MORE,
    MORE_LABELS,
    cifar_files,
    class_folder_archive,
    class_folders,
    keras,
    medmnist,
    svhn,
)

from predictor.data import ImageSettings, split_images
from predictor.data.image_formats import open_images, open_pictures
from predictor.data.image_parts import with_channels
from predictor.errors import UnusableData


@pytest.mark.parametrize("make", [keras, medmnist, svhn, class_folders, class_folder_archive])
def test_pictures_labels_and_official_parts_come_back(
    make: Callable[[Path], Path], tmp_path: Path
) -> None:
    collection = open_images(make(tmp_path))
    assert set(collection.parts) == {"train", "test"}
    for part, images, labels in (("train", IMAGES, LABELS), ("test", MORE, MORE_LABELS)):
        found, found_labels = pictures_of(collection, part), collection.part(part).labels
        assert found_labels is not None
        pairs = {(label, image.tobytes()) for label, image in zip(labels, images, strict=True)}
        assert pairs == {
            (label, image.tobytes()) for label, image in zip(found_labels, found, strict=True)
        }
    collection.require_labels(3)


@pytest.mark.parametrize(
    "keys",
    [
        ("images", "y"),
        ("x", "labels"),
        ("X", "labels"),
        ("x_train", "train_labels"),
        ("x_train", "y"),
        ("x_test", "test_labels"),
        ("val_images", "y_val"),
        ("arr_0", "labels"),
    ],
)
def test_labels_may_have_the_name_of_another_convention(
    keys: tuple[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    np.savez(tmp_path / "d.npz", **dict(zip(keys, (IMAGES, LABELS), strict=True)))
    (part,) = open_images(tmp_path / "d.npz").parts.values()
    assert part.labels is not None
    assert np.array_equal(part.labels, LABELS)
    assert not caplog.text


def test_the_labels_that_belong_to_the_pictures_come_first(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", images=IMAGES, labels=LABELS, y=LABELS + 1, x_test=MORE)
    parts = open_images(tmp_path / "d.npz").parts
    assert np.array_equal(parts["train"].labels, LABELS)
    assert parts["test"].labels is None


def test_arrays_that_may_have_been_labels_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    np.savez(tmp_path / "d.npz", images=IMAGES, target=LABELS, names=LABELS)
    assert open_images(tmp_path / "d.npz").part("train").labels is None
    assert "d.npz has no labels for images; not read are target, names" in caplog.text


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("separator", ["-", "."])
def test_idx_is_read_packed_or_not(suffix: str, separator: str, tmp_path: Path) -> None:
    grey = noise(5, (8, 8))
    for part, rows in (("train", 5), ("t10k", 2)):
        write_idx(tmp_path / f"{part}-images{separator}idx3-ubyte{suffix}", grey[:rows])
        write_idx(tmp_path / f"{part}-labels{separator}idx1-ubyte{suffix}", np.arange(rows))
    collection = open_images(tmp_path)
    assert np.array_equal(pictures_of(collection, "train", 1), grey[..., None])
    assert np.array_equal(collection.part("test").labels, [0, 1])
    alone = open_images(tmp_path / f"t10k-images{separator}idx3-ubyte{suffix}")
    assert list(alone.parts) == ["test"]
    assert np.array_equal(pictures_of(alone, "test", 1), grey[:2, ..., None])
    assert np.array_equal(alone.part("test").labels, [0, 1])


@pytest.mark.parametrize("name", ["latest", "contest-1"])
def test_a_word_that_ends_with_test_makes_no_test_part(name: str, tmp_path: Path) -> None:
    write_idx(tmp_path / f"{name}-images-idx3-ubyte", noise(2, (8, 8)))
    write_idx(tmp_path / "digits-test2-images-idx3-ubyte", noise(3, (8, 8)))
    write_mat(tmp_path / "svhn" / f"{name}.mat", IMAGES, LABELS)
    write_mat(tmp_path / "svhn" / "Test.mat", MORE, MORE_LABELS)
    for path, counts in ((tmp_path, (2, 3)), (tmp_path / "svhn", (6, 3))):
        parts = open_images(path).parts
        assert (len(parts["train"].names), len(parts["test"].names)) == counts


@pytest.mark.parametrize("is_archive", [True, False])
def test_binary_batches_of_cifar(is_archive: bool, tmp_path: Path) -> None:
    files = cifar_files()
    if is_archive:
        path = tmp_path / "cifar-10-binary.tar.gz"
        write_tar(path, {f"cifar-10-batches-bin/{name}": data for name, data in files.items()})
    else:
        path = tmp_path
        for name, data in files.items():
            (path / name).write_bytes(data)
    collection = open_images(path)
    ten = noise(10, (32, 32, 3))
    assert np.array_equal(pictures_of(collection), ten[:5])
    assert np.array_equal(pictures_of(collection, "test"), ten[5:])
    assert np.array_equal(collection.part("train").labels, [1, 2, 3, 4, 5])
    assert collection.class_names == ("airplane", "automobile")


def test_a_picture_of_cifar_is_called_by_its_file_and_the_row_in_it(tmp_path: Path) -> None:
    pictures = noise(5, (32, 32, 3))
    for number, first, last in ((1, 0, 2), (2, 2, 5)):
        batch = cifar_batch(pictures[first:last], np.array([1, 1, 1, 9, 1])[first:last])
        (tmp_path / f"data_batch_{number}.bin").write_bytes(batch)
    found = open_images(tmp_path)
    files = [(1, 0), (1, 1), (2, 0), (2, 1), (2, 2)]
    assert found.part("train").names == [f"data_batch_{file}.bin[{row}]" for file, row in files]
    with pytest.raises(UnusableData, match=r"^data_batch_2\.bin\[1\] in .* has label 9"):
        found.require_labels(2)


def test_the_split_of_cifar_is_by_the_rows_of_all_batches(tmp_path: Path) -> None:
    for number in (1, 2):
        batch = cifar_batch(noise(20, (32, 32, 3), seed=number), np.arange(20) % 10)
        (tmp_path / f"data_batch_{number}.bin").write_bytes(batch)
    images = ImageSettings(validation_share=0.2)
    keys = [f"data_batch_1.bin…[{row}]" for row in range(40)]
    hashes = [blake2b(key.encode(), digest_size=8).digest() for key in keys]
    lowest = sorted(range(40), key=hashes.__getitem__)[:8]
    assert sorted(split_images(tmp_path, images, 0).held_out.rows) == sorted(lowest)


def test_one_batch_of_cifar_may_be_named_alone(tmp_path: Path) -> None:
    for name in ("data_batch_3.bin", "test_batch.bin"):
        (tmp_path / name).write_bytes(cifar_files()[name])
    ten = noise(10, (32, 32, 3))
    one = open_images(tmp_path / "data_batch_3.bin")
    assert np.array_equal(pictures_of(one), ten[2:3])
    assert np.array_equal(pictures_of(open_images(tmp_path / "test_batch.bin"), "test"), ten[5:])
    both = open_images(tmp_path)
    assert {name: len(both.part(name).labels) for name in both.parts} == {"train": 1, "test": 5}


def test_cifar_100_has_its_fine_labels(tmp_path: Path) -> None:
    images = noise(2, (32, 32, 3))
    for name in ("train.bin", "test.bin"):
        (tmp_path / name).write_bytes(cifar_batch(images, np.array([3, 4]), np.array([70, 99])))
    collection = open_images(tmp_path)
    assert np.array_equal(collection.part("train").labels, [70, 99])
    assert np.array_equal(pictures_of(collection), images)


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("kind", ["file", "folder", "archive"])
def test_one_batch_of_cifar_100_may_be_alone(part: str, kind: str, tmp_path: Path) -> None:
    batch = cifar_batch(noise(2, (32, 32, 3)), np.array([3, 4]), np.array([70, 99]))
    folder = tmp_path / "cifar-100-binary"
    folder.mkdir()
    file = folder / f"{part}.bin"
    file.write_bytes(batch)
    write_tar(tmp_path / "d.tar", {f"cifar-100-binary/{part}.bin": batch})
    path = {"file": file, "folder": folder, "archive": tmp_path / "d.tar"}[kind]
    assert np.array_equal(open_images(path).part(part).labels, [70, 99])


@pytest.mark.parametrize("is_archive", [True, False])
def test_a_file_called_train_bin_beside_pictures_is_no_batch(
    is_archive: bool, tmp_path: Path
) -> None:
    files: dict[str, bytes | None] = {"train.bin": b"ids", "cat/1.png": png_bytes(IMAGES[0])}
    write_tar(tmp_path / "d.tar", files)
    (tmp_path / "d" / "cat").mkdir(parents=True)
    for name, content in files.items():
        (tmp_path / "d" / name).write_bytes(content or b"")
    collection = open_images(tmp_path / ("d.tar" if is_archive else "d"))
    assert collection.class_names == ("cat",)


def test_label_out_of_range_names_the_picture(tmp_path: Path) -> None:
    collection = open_images(keras(tmp_path))
    with pytest.raises(
        UnusableData, match=r"x_train\[2\] in .* label 2, expected 0 to 1 \(classes=2\)"
    ):
        collection.require_labels(2)


def test_the_one_folder_in_a_folder_is_its_content_unless_it_is_a_class(tmp_path: Path) -> None:
    class_folders(tmp_path / "a" / "pictures" / "of-mine")
    (tmp_path / "a" / ".DS_Store").touch()
    collection = open_images(tmp_path / "a")
    assert collection.path == tmp_path / "a" / "pictures" / "of-mine"
    assert (set(collection.parts), collection.class_names) == ({"train", "test"}, ("a", "b", "c"))
    write_png(tmp_path / "b" / "cat" / "1.png", IMAGES[0])
    assert open_images(tmp_path / "b").class_names == ("cat",)
    write_png(tmp_path / "c" / "train" / "cat" / "1.png", IMAGES[0])
    assert open_images(tmp_path / "c").class_names == ("cat",)


def test_arrays_in_the_one_folder_in_a_folder_are_found_by_all_commands(tmp_path: Path) -> None:
    below = tmp_path / "digits" / "raw"
    below.mkdir(parents=True)
    write_idx(below / "train-images-idx3-ubyte", IMAGES[..., 0])
    for opened in (open_images, open_pictures):
        assert len(opened(tmp_path / "digits").part("train").names) == len(IMAGES)
    class_folders(tmp_path / "b" / "pictures")
    assert open_pictures(tmp_path / "b").path == tmp_path / "b"


def test_the_one_npz_file_in_a_folder_is_its_content_where_no_picture_lies(tmp_path: Path) -> None:
    (tmp_path / "data" / "notes").mkdir(parents=True)
    (tmp_path / "data" / "README.txt").touch()
    file = keras(tmp_path / "data")
    for opened in (open_images, open_pictures):
        assert opened(tmp_path / "data").path == file
    np.savez(tmp_path / "data" / "more.npz", images=IMAGES)
    for opened in (open_images, open_pictures):
        with pytest.raises(UnusableData, match=r"several NPZ files: data\.npz and more\.npz; name"):
            opened(tmp_path / "data")
    write_png(tmp_path / "data" / "notes" / "a.png", IMAGES[0])
    for opened in (open_images, open_pictures):
        assert list(opened(tmp_path / "data").part("train").names) == ["notes/a.png"]


def test_a_file_to_be_looked_at_may_be_one_picture(tmp_path: Path) -> None:
    (tmp_path / "a.gif").write_bytes(b"GIF89a")
    with pytest.raises(UnusableData, match=r"none of these: a picture \(no GIF\), a folder"):
        open_pictures(tmp_path / "a.gif")


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int8])
def test_labels_are_whole_numbers_of_any_type(kind: type, tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    np.savez(path, images=IMAGES, labels=LABELS.astype(kind))
    labels = open_images(path).part("train").labels
    assert labels is not None
    assert (labels.dtype, labels.tolist()) == (np.int64, LABELS.tolist())


@pytest.mark.parametrize("labels", [LABELS + 0.5, np.full(6, np.nan), np.array([*"abcabc"])])
def test_labels_that_are_no_whole_numbers_are_refused(labels: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", images=IMAGES, labels=labels)
    with pytest.raises(UnusableData, match="expected whole numbers"):
        open_images(tmp_path / "d.npz")


def test_grey_is_the_luma_of_colour_in_files_as_in_arrays(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", IMAGES[0])
    write_png(tmp_path / "b.png", IMAGES[1][..., 0])
    (colour, grey) = pictures_of(open_images(tmp_path), channels=1)
    expected = IMAGES[0] @ np.array([0.299, 0.587, 0.114])
    assert np.abs(colour[..., 0] - expected).max() <= 1
    assert np.abs(with_channels(IMAGES[0], 1)[..., 0] - expected).max() <= 1
    assert np.array_equal(grey[..., 0], IMAGES[1][..., 0])
    (_, repeated) = pictures_of(open_images(tmp_path), channels=3)
    assert np.array_equal(repeated, IMAGES[1][..., :1].repeat(3, axis=2))


def keras_test(path: Path) -> Path:
    np.savez(path / "data.npz", x_test=MORE, y_test=MORE_LABELS)
    return path / "data.npz"


def folder_of_test(path: Path) -> Path:
    for row, (image, label) in enumerate(zip(MORE, MORE_LABELS, strict=True)):
        write_png(path / "test" / "abc"[label] / f"{row}.png", image)
    return path


def archive_of_test(path: Path) -> Path:
    write_tar(
        path / "d.tar",
        {
            f"test/{'abc'[label]}/{row}.png": png_bytes(image)
            for row, (image, label) in enumerate(zip(MORE, MORE_LABELS, strict=True))
        },
    )
    return path / "d.tar"


@pytest.mark.parametrize("make", [keras_test, folder_of_test, archive_of_test])
def test_pictures_for_testing_alone_are_no_training_data(
    make: Callable[[Path], Path], tmp_path: Path
) -> None:
    collection = open_images(make(tmp_path))
    assert list(collection.parts) == ["test"]
    labels = collection.part("test").labels
    assert labels is not None
    assert sorted(labels) == sorted(MORE_LABELS)
    with pytest.raises(UnusableData, match="has no part 'train', only test"):
        split_images(make(tmp_path), ImageSettings(size=(8, 8)), 0)
