"""Pictures in folders and archives: which part and class each is of, and what is refused."""

import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from made_images import noise, pictures_of, png_bytes, write_png, write_tar

from predictor.data import ImageSettings, split_images
from predictor.data.image_formats import open_images, open_pictures
from predictor.data.image_parts import ImageCollection
from predictor.errors import UnreadableImage, UnusableData

IMAGES = noise(6)


def test_what_is_left_out_beside_the_one_folder_of_the_data_does_not_hide_it(
    tmp_path: Path,
) -> None:
    for row, name in enumerate(("root/train/a/1", "root/train/b/1", "more/1")):
        write_png(tmp_path / f"{name}.png", IMAGES[row])
    found = open_images(tmp_path, without=tmp_path / "more")
    assert list(found.parts) == ["train"]
    assert found.class_names == ("a", "b")


def test_an_archive_of_the_current_folder_has_the_parts_and_classes_of_the_folder(
    tmp_path: Path,
) -> None:
    folder, archive = tmp_path / "data", tmp_path / "data.tar"
    for row, name in enumerate(("train/a", "train/c", "train/b", "test/b", "test/c", "test/a")):
        write_png(folder / name / f"{row}.png", IMAGES[row])
    write_png(folder / "train" / "._a.png", IMAGES[0])  # as macOS adds them
    write_png(folder / ".cache" / "a.png", IMAGES[0])
    with tarfile.open(archive, "w") as file:
        file.add(folder, arcname=".")
    of_folder, of_archive = open_images(folder), open_images(archive)
    assert of_archive.class_names == of_folder.class_names == ("a", "b", "c")
    assert of_archive.empty_classes == ()
    for part in ("train", "test"):
        one, other = of_folder.part(part), of_archive.part(part)
        order = np.argsort(other.names)
        assert [other.names[row] for row in order] == list(one.names)
        assert np.array_equal(other.labels[order], one.labels)
        found = pictures_of(of_archive, part)
        assert np.array_equal([found[row] for row in order], pictures_of(of_folder, part))


def test_an_archive_of_the_current_folder_without_parts_has_its_classes(tmp_path: Path) -> None:
    files = {f"./{name}/1.png": png_bytes(IMAGES[0]) for name in ("cat", "dog")}
    write_tar(tmp_path / "d.tar", {".": None, "./cat": None, "./bird": None, **files})
    collection = open_images(tmp_path / "d.tar")
    assert collection.class_names == ("cat", "dog")
    assert collection.empty_classes == ("bird",)


def test_pictures_in_one_place_have_no_labels(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", IMAGES[0])
    write_png(tmp_path / "more" / "b.png", IMAGES[1])
    collection = open_images(tmp_path)
    assert collection.part("train").labels is None
    assert list(collection.part("train").names) == ["a.png", "more/b.png"]
    with pytest.raises(UnusableData, match=r"has no labels for pictures such as a\.png;"):
        collection.require_labels(2)


def test_loose_pictures_to_test_on_leave_the_others_their_labels(tmp_path: Path) -> None:
    for name in ("train/cat/1.png", "train/dog/1.png", "train/dog/2.png"):
        write_png(tmp_path / name, IMAGES[0])
    for name in ("test/more/1.png", "test/2.png"):
        write_png(tmp_path / name, IMAGES[1])
    collection = open_images(tmp_path)
    assert collection.class_names == ("cat", "dog")
    assert np.array_equal(collection.part("train").labels, [0, 1, 1])
    assert collection.part("test").labels is None
    found = split_images(tmp_path, ImageSettings(size=(8, 8)), 0, classes=2)
    assert len(found.train) + len(found.held_out) == 3
    with pytest.raises(UnusableData, match=r"has no labels for pictures such as test/2\.png;"):
        collection.require_labels(2)


def test_pictures_beside_the_part_to_train_on_are_told_of_by_folder(tmp_path: Path) -> None:
    more = [f"more/{row // 2}/{row}.png" for row in range(5)]
    for name in ("train/cat/1.png", "x.png", "y.png", "a/1.png", *more):
        write_png(tmp_path / name, IMAGES[0])
    assert open_images(tmp_path).skipped == (
        f"{tmp_path}/a/1.png lies beside train/, not in it",
        f"{tmp_path}/more/0/0.png and 4 others in more/ lie beside train/, not in it",
        f"{tmp_path}/x.png and 1 other lie beside train/, not in it",
    )


@pytest.mark.parametrize("is_archive", [True, False])
def test_parts_may_be_in_capitals(is_archive: bool, tmp_path: Path) -> None:
    files = ("Train/cat/1.png", "Train/dog/1.png", "TEST/cat/2.png", "TEST/dog/2.png", "x.png")
    path = tmp_path / "d.tar" if is_archive else tmp_path
    if is_archive:
        write_tar(path, {name: png_bytes(IMAGES[0]) for name in files})
    else:
        for name in files:
            write_png(path / name, IMAGES[0])
    collection = open_images(path)
    assert list(collection.parts) == ["train", "test"]
    assert list(collection.part("train").names) == ["Train/cat/1.png", "Train/dog/1.png"]
    assert collection.class_names == ("cat", "dog")
    assert collection.skipped == (f"{path}/x.png lies beside Train/, not in it",)


def test_the_one_folder_in_a_folder_may_be_a_part_in_capitals(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        write_png(tmp_path / "a" / "Test" / name / "1.png", IMAGES[0])
    write_tar(tmp_path / "b.tar", {"Test/cat/1.png": png_bytes(IMAGES[0])})
    for path in (tmp_path / "a", tmp_path / "b.tar"):
        assert list(open_images(path).parts) == ["test"]


def test_a_class_of_trains_is_no_part(tmp_path: Path) -> None:
    for name in ("Bus", "Car", "Train"):
        write_png(tmp_path / name / "1.png", IMAGES[0])
    assert open_images(tmp_path).class_names == ("Bus", "Car", "Train")


def test_two_folders_of_one_part_are_refused(tmp_path: Path) -> None:
    for name in ("train", "Train", "test"):
        write_png(tmp_path / name / "1.png", IMAGES[0])
    with pytest.raises(UnusableData, match="has both Train/ and train/; put them together"):
        open_images(tmp_path)


def test_what_is_trained_on_and_held_out_needs_labels(tmp_path: Path) -> None:
    for name in ("train/cat/1.png", "train/dog/1.png", "val/1.png"):
        write_png(tmp_path / name, IMAGES[0])
    with pytest.raises(UnusableData, match=r"has no labels for pictures such as val/1\.png;"):
        split_images(tmp_path, ImageSettings(size=(8, 8)), 0, classes=2)


def test_a_class_to_test_on_that_no_other_part_has_is_named(tmp_path: Path) -> None:
    for name in ("train/cat/1.png", "train/dog/1.png", "test/pictures/1.png"):
        write_png(tmp_path / name, IMAGES[0])
    with pytest.raises(UnusableData, match=r"test/pictures/1\.png in .* label 2, expected 0 to 1"):
        split_images(tmp_path, ImageSettings(size=(8, 8)), 0, classes=2)


def test_a_class_without_a_readable_picture_is_named(tmp_path: Path) -> None:
    for number, name in enumerate(("cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png")):
        write_png(tmp_path / name, IMAGES[number])
    (tmp_path / "bird").mkdir()
    (tmp_path / "bird" / "1.png").write_bytes(b"no picture")
    with pytest.raises(UnusableData, match=r"no readable picture of class bird to train on"):
        split_images(tmp_path, ImageSettings(size=(8, 8)), 0, classes=3)
    assert len(split_images(tmp_path, ImageSettings(size=(8, 8)), 0).train) == 3


def test_classes_are_counted_over_all_parts(tmp_path: Path) -> None:
    for name in ("train/b/1.png", "train/c/1.png", "val/a/1.png", "val/c/1.png", "loose/1.png"):
        write_png(tmp_path / name, IMAGES[0])
    collection = open_images(tmp_path)
    assert collection.class_names == ("a", "b", "c")
    assert np.array_equal(collection.part("train").labels, [1, 2])
    assert np.array_equal(collection.part("val").labels, [0, 2])
    assert collection.skipped == (f"{tmp_path}/loose/1.png lies beside train/, not in it",)


@pytest.mark.parametrize(
    ("folders", "classes"),
    [
        (("10", "9", "0", "1"), ("0", "1", "9", "10")),
        (("7", "07", "10"), ("07", "7", "10")),
        (("10", "9", "none"), ("10", "9", "none")),
    ],
)
def test_numbered_classes_are_in_the_order_of_their_numbers(
    folders: tuple[str, ...], classes: tuple[str, ...], tmp_path: Path
) -> None:
    for folder in folders:
        write_png(tmp_path / folder / "1.png", IMAGES[0])
    collection = open_images(tmp_path)
    assert collection.class_names == classes
    part = collection.part("train")
    assert part.labels is not None
    told = {name.split("/")[0]: label for name, label in zip(part.names, part.labels, strict=True)}
    assert told == {name: label for label, name in enumerate(classes)}


@pytest.mark.parametrize("is_archive", [True, False])
def test_class_folders_whose_names_are_no_text_are_different_classes(
    is_archive: bool, tmp_path: Path
) -> None:
    path, folders = tmp_path, [os.fsdecode(name) for name in (b"caf\xe8", b"caf\xe9")]
    if is_archive:
        path = tmp_path / "d.tar"
        write_tar(path, {f"{name}/1.png": png_bytes(IMAGES[0]) for name in folders})
    else:
        for name in folders:
            (path / name).mkdir()
            (path / name / "1.png").write_bytes(png_bytes(IMAGES[0]))
    collection = open_images(path)
    assert collection.class_names == ("caf\\xe8", "caf\\xe9")
    assert np.array_equal(collection.part("train").labels, [0, 1])
    assert len(pictures_of(collection)) == 2


def test_a_link_to_nothing_is_a_picture_that_cannot_be_read(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", IMAGES[0])
    (tmp_path / "b.png").symlink_to("nowhere")
    picture, missing = open_images(tmp_path).part("train").pictures(3)
    assert np.array_equal(picture, IMAGES[0])
    assert isinstance(missing, UnreadableImage)
    assert "b.png cannot be read" in str(missing)


@pytest.mark.parametrize(
    ("suffix", "mode"),
    [(".png", "RGBA"), (".png", "LA"), (".png", "P"), (".webp", "RGBA"), (".tiff", "RGBA")],
)
def test_transparency_that_is_dropped_is_said_once(
    suffix: str, mode: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shape = PIL.Image.new("RGBA", (6, 5), (255, 255, 255, 0))
    shape.paste((255, 0, 0, 255), (1, 1, 3, 3))
    for name in "ab":
        shape.convert(mode).save(tmp_path / f"{name}{suffix}")
    shape.putalpha(255)
    shape.save(tmp_path / f"c{suffix}")
    assert len(list(open_images(tmp_path).part("train").pictures(3))) == 3
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith(f"a{suffix} and 1 others: transparency is dropped")


@pytest.mark.parametrize("opened", [open_images, open_pictures])
def test_pictures_of_kinds_that_are_not_read_are_counted(
    opened: Callable[[Path], ImageCollection], tmp_path: Path
) -> None:
    for name in ("cat/1.gif", "cat/2.JXL", "dog/3.jxl", "dog/notes.txt", "dog/.4.gif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UnusableData, match=r"picture in it that is read: it has 1 \.gif, 2 \.jxl"):
        opened(tmp_path)
    write_png(tmp_path / "dog/5.png", IMAGES[0])
    found = opened(tmp_path)
    assert found.skipped == (f"{tmp_path} has 1 .gif, 2 .jxl, which are not read",)
    assert [len(part.names) for part in found.parts.values()] == [1]


@pytest.mark.parametrize("is_archive", [True, False])
def test_empty_class_folder_is_named_where_labels_count(is_archive: bool, tmp_path: Path) -> None:
    if is_archive:
        path = tmp_path / "data.tar"
        write_tar(path, {"train/cat/1.png": png_bytes(IMAGES[0]), "train/dog": None})
    else:
        path = tmp_path
        write_png(path / "train/cat/1.png", IMAGES[0])
        (path / "train/dog").mkdir()
    with pytest.raises(UnusableData, match="class without a picture: train/dog"):
        open_images(path).require_labels(2)
