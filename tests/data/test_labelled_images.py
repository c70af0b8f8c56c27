"""Small pictures as examples: a function of the key, fitted as the settings say, split once."""

import logging
import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from made_images import noise, write_png

from predictor.data import ImageSettings, labelled_images, split_images
from predictor.data.image_packing import Fit, cropped, fitted_picture
from predictor.errors import UnusableData


def npz(folder: Path, count: int = 40, size: tuple[int, ...] = (8, 8, 3), **more: Any) -> Path:
    path = folder / "d.npz"
    np.savez(path, x_train=noise(count, size), y_train=np.arange(count) % 10, **more)
    return path


def settings(**values: Any) -> ImageSettings:
    return ImageSettings.model_validate({"size": (8, 8), **values})


def test_example_is_the_picture_and_its_label(tmp_path: Path) -> None:
    images = split_images(npz(tmp_path), settings(), seed=0)
    for number, row in enumerate(images.train.rows):
        item = images.train[(3, number)]
        expected = torch.from_numpy(noise(40)[row]).permute(2, 0, 1) / 127.5 - 1
        assert torch.allclose(item["image"], expected, atol=1e-6)
        assert (item["label"].item(), item["label"].dtype) == (row % 10, torch.int64)


def test_every_value_survives_and_the_ends_are_exact(tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    np.savez(path, images=np.arange(256, dtype=np.uint8).reshape(1, 16, 16).repeat(2, axis=0))
    images = split_images(path, settings(size=(16, 16), channels=1), seed=0)
    image = images.held_out[0]["image"]
    assert "label" not in images.held_out[0]
    assert (image.min().item(), image.max().item()) == (-1, 1)
    assert torch.equal(((image + 1) * 127.5).round().flatten(), torch.arange(256.0))


@pytest.mark.parametrize("cached", [False, True])
def test_item_depends_on_its_key_alone(cached: bool, tmp_path: Path) -> None:
    chosen = settings(size=(6, 6), short_side=8, crop="random", flip_horizontal=0.5)
    path, folder = npz(tmp_path), tmp_path / "run" if cached else None
    one, other = (split_images(path, chosen, seed, folder).train for seed in (0, 1))
    again = pickle.loads(pickle.dumps(split_images(path, chosen, 0, folder).train))
    keys = [(epoch, number) for epoch in range(3) for number in range(20)]
    items = [one[key]["image"] for key in keys]
    assert all(
        torch.equal(again[key]["image"], item)
        for key, item in reversed([*zip(keys, items, strict=True)])
    )
    assert not all(
        torch.equal(other[key]["image"], item) for key, item in zip(keys, items, strict=True)
    )
    assert not torch.equal(one[(0, 0)]["image"], one[(1, 0)]["image"])


def test_crops_and_mirrors_are_spread_evenly(tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    place = np.arange(64, dtype=np.uint8).reshape(1, 8, 8)
    np.savez(path, images=np.repeat(place, 2, axis=0))
    chosen = settings(size=(6, 6), short_side=8, channels=1, crop="random", flip_horizontal=0.25)
    train = split_images(path, chosen, seed=0).train
    corners, mirrored = [], 0
    for epoch in range(900):
        first, second = ((train[(epoch, 0)]["image"][0, 0, :2] + 1) * 127.5).round().tolist()
        mirrored += second < first
        corners.append(int(first - 5 if second < first else first))
    assert abs(mirrored / 900 - 0.25) < 4 * (0.25 * 0.75 / 900) ** 0.5
    counts = np.bincount(corners, minlength=24)[[0, 1, 2, 8, 9, 10, 16, 17, 18]]
    assert counts.sum() == 900
    assert np.abs(counts - 100).max() < 4 * (900 * 8 / 81) ** 0.5


def test_workers_map_the_file_instead_of_carrying_it(tmp_path: Path) -> None:
    train = split_images(npz(tmp_path, 400), settings(), 0, tmp_path / "run").train
    train[(0, 0)]
    assert len(pickle.dumps(train)) < 400 * 8 * 8 * 3 / 2
    assert torch.equal(pickle.loads(pickle.dumps(train))[(0, 7)]["image"], train[(0, 7)]["image"])


@pytest.mark.parametrize(("held", "is_quick"), [(10**6, True), (10**3, False)])
def test_only_what_memory_holds_is_quick(
    held: int, is_quick: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labelled_images, "HELD_BYTES", held)
    assert split_images(npz(tmp_path, 40), settings(), 0).train.is_quick is is_quick


def test_pictures_are_decoded_once_until_they_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, folder = npz(tmp_path), tmp_path / "run"
    first = split_images(path, settings(), 0, folder).train[(0, 0)]["image"]

    def decoded_again(*arguments: object) -> None:
        raise AssertionError("decoded again")

    with monkeypatch.context() as patched:
        patched.setattr("predictor.data.image_packing._written", decoded_again)
        assert torch.equal(split_images(path, settings(), 0, folder).train[(0, 0)]["image"], first)
        with pytest.raises(AssertionError):
            split_images(path, settings(channels=1), 0, folder)
    np.savez(path, x_train=noise(41, seed=5))
    assert not torch.equal(split_images(path, settings(), 0, folder).train[(0, 0)]["image"], first)
    cut = folder / "images-train.bin"
    cut.write_bytes(cut.read_bytes()[:-1])
    assert len(split_images(path, settings(), 0, folder).train) == 37


def test_official_parts_are_kept_apart(tmp_path: Path) -> None:
    path = npz(tmp_path, 20, x_val=noise(5, seed=1), x_test=noise(7, seed=2))
    images = split_images(path, settings(), 0, tmp_path / "run")
    assert (len(images.train), len(images.held_out)) == (20, 5)
    row = int(images.held_out.rows[4])
    expected = torch.from_numpy(noise(5, seed=1)[row]).permute(2, 0, 1) / 127.5 - 1
    assert torch.allclose(images.held_out[4]["image"], expected, atol=1e-6)
    assert sorted(images.held_out.rows) == [0, 1, 2, 3, 4]
    without = split_images(npz(tmp_path, 20, x_test=noise(7)), settings(), 0)
    assert len(without.train) + len(without.held_out) == 20


def test_last_rows_are_held_out_as_papers_do(tmp_path: Path) -> None:
    chosen = settings(validation_rows="last", validation_count=10)
    images = split_images(npz(tmp_path), chosen, 0)
    assert images.train.rows.tolist() == list(range(30))
    assert images.held_out.rows.tolist() == list(range(30, 40))


@pytest.mark.parametrize("rows", ["spread", "last"])
@pytest.mark.parametrize("part", ["", "val"])
def test_what_is_held_out_of_class_folders_is_of_all_classes_from_the_first_on(
    tmp_path: Path, rows: str, part: str
) -> None:
    counts = {"a": 80, "b": 40, "c": 40}
    for name, count in counts.items():
        for row, image in enumerate(noise(count, seed=ord(name))):
            write_png(tmp_path / "data" / part / name / f"{row:02}.png", image)
            if part:
                write_png(tmp_path / "data" / "train" / name / f"{row:02}.png", image)
    chosen = settings(validation_rows=rows, validation_count=80)
    images = split_images(tmp_path / "data", chosen, 0)
    labels = images.held_out.packed.labels
    assert labels is not None
    first = np.bincount(labels[images.held_out.rows[:40]], minlength=3)
    expected = [20, 10, 10]
    assert np.abs(first - expected).max() <= (1 if rows == "last" else 8)
    if not part:
        assert len(images.held_out) == 80
        kept = np.bincount(labels[images.train.rows], minlength=3)
        assert np.abs(kept - [40, 20, 20]).max() <= (0 if rows == "last" else 10)
        assert not set(images.train.rows) & set(images.held_out.rows)


def test_the_digest_tells_of_names_and_labels_but_not_of_the_place(tmp_path: Path) -> None:
    for place in "one", "two":
        for row, image in enumerate(noise(40)):
            write_png(tmp_path / place / "ab"[row // 20] / f"{row:02}.png", image)
    one, two = tmp_path / "one", tmp_path / "two"
    digest = split_images(one, settings(), 0).digest()
    assert split_images(two, settings(), 0).digest() == digest
    (two / "a" / "00.png").rename(two / "b" / "00.png")
    assert split_images(two, settings(), 0).digest() != digest
    write_png(one / "a" / "new.png", noise(1)[0])
    assert split_images(one, settings(), 0).digest() != digest


def test_spread_rows_are_of_every_class_and_stay_when_pictures_come(tmp_path: Path) -> None:
    for row, image in enumerate(noise(60)):
        write_png(tmp_path / "data" / "ab"[row // 30] / f"{row}.png", image)
    before = split_images(tmp_path / "data", settings(validation_share=0.2), 0)
    names = [before.held_out.packed.names[row] for row in before.held_out.rows]
    assert len(names) == 12
    assert {name[0] for name in names} == {"a", "b"}
    assert not set(before.train.rows) & set(before.held_out.rows)
    write_png(tmp_path / "data" / "a" / "new.png", noise(1)[0])
    after = split_images(tmp_path / "data", settings(validation_share=0.2), 0)
    now = [after.held_out.packed.names[row] for row in after.held_out.rows]
    assert len(set(names) & set(now)) >= 11


@pytest.mark.parametrize(
    ("picture", "short_side", "scaled"),
    [
        ((8, 8), None, (8, 8)),
        ((16, 24), None, (8, 12)),
        ((4, 6), 12, (12, 18)),
        ((9, 9), 16, (16, 16)),
    ],
)
def test_pictures_cover_the_size_and_keep_their_proportions(
    picture: tuple[int, int], short_side: int | None, scaled: tuple[int, int]
) -> None:
    pixels = noise(1, (*picture, 3))[0]
    whole = fitted_picture(pixels, Fit((8, 8), 3, short_side, keeps_all=True))
    assert whole.shape == (*scaled, 3)
    middle = fitted_picture(pixels, Fit((8, 8), 3, short_side))
    top, left = (scaled[0] - 7) // 2, (scaled[1] - 7) // 2
    assert np.array_equal(middle, whole[top : top + 8, left : left + 8])


def test_shrinking_averages_what_it_leaves_out() -> None:
    chessboard = (np.indices((32, 32)).sum(0) % 2 * 255).astype(np.uint8)[..., None]
    small = fitted_picture(chessboard, Fit((8, 8), 1))
    assert np.abs(small.astype(int) - 127).max() <= 1


def test_crop_reaches_both_ends() -> None:
    pixels = np.arange(25, dtype=np.uint8).reshape(5, 5, 1)
    assert cropped(pixels, (3, 3), (0, 0))[0, 0] == 0
    assert cropped(pixels, (3, 3), (0.999, 0.999))[0, 0] == 12


def test_other_sizes_are_said_with_the_first(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_png(tmp_path / "a.png", noise(1)[0])
    write_png(tmp_path / "b.png", noise(1, (10, 12, 3))[0])
    write_png(tmp_path / "c.png", noise(1, (10, 10))[0])
    with caplog.at_level(logging.WARNING):
        images = split_images(tmp_path, settings(), 0)
    assert "b.png is 12x10: it and 1 others of 3 pictures are resized to cover 8x8" in caplog.text
    assert all(item["image"].shape == (3, 8, 8) for item in (images.train[(0, k)] for k in (0, 1)))


def test_unreadable_pictures_are_left_out_and_named(tmp_path: Path) -> None:
    for row, image in enumerate(noise(4)):
        write_png(tmp_path / "data" / "ab"[row % 2] / f"{row}.png", image)
    (tmp_path / "data/a/0.png").write_bytes(b"no picture")
    for _ in range(2):  # the second time from the cache
        images = split_images(tmp_path / "data", settings(), 0, tmp_path / "run")
        assert len(images.train) + len(images.held_out) == 3
        assert len(images.skipped) == 1
        assert str(tmp_path / "data/a/0.png") in images.skipped[0]
        assert images.train.packed.labels is not None
        assert images.train.packed.labels.tolist() == [0, 1, 1]
    for file in (tmp_path / "data").glob("*/*.png"):
        file.write_bytes(b"no picture")
    with pytest.raises(UnusableData, match="no readable picture: 4 tried, the first"):
        split_images(tmp_path / "data", settings(), 0)


@pytest.mark.parametrize(
    ("values", "batch_size", "said"),
    [
        ({}, 37, r"has 36 pictures to train on, fewer than a batch \(batch_size=37\)"),
        ({"validation_count": 40}, 1, r"40 pictures, too few to hold 40 out"),
    ],
)
def test_too_few_pictures(
    values: dict[str, Any], batch_size: int, said: str, tmp_path: Path
) -> None:
    with pytest.raises(UnusableData, match=said):
        split_images(npz(tmp_path), settings(**values), 0, batch_size=batch_size)


def test_names_that_are_no_text_are_split_too(tmp_path: Path) -> None:
    for row, image in enumerate(noise(4)):
        write_png(tmp_path / "a.png", image)
        (tmp_path / "a.png").rename(tmp_path / f"\udcff{row}.png")
    split = split_images(tmp_path, settings(), 0)
    assert (len(split.train), len(split.held_out)) == (3, 1)


def test_one_picture_cannot_be_split(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", noise(1)[0])
    with pytest.raises(UnusableData, match=r"one readable picture \(a\.png\)"):
        split_images(tmp_path, settings(), 0)


def test_settings_that_cannot_work() -> None:
    with pytest.raises(ValueError, match="short_side is 7, less than size"):
        settings(short_side=7)
    with pytest.raises(ValueError, match="at least 1"):
        settings(size=(0, 8))


def test_orientation_of_photographs_is_applied(tmp_path: Path) -> None:
    from PIL import Image

    turned = Image.new("RGB", (12, 8))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(tmp_path / "a.jpg", exif=exif)
    cv2.imwrite(str(tmp_path / "b.png"), np.zeros((12, 8, 3), np.uint8))
    for channels in (1, 3):
        from predictor.data import open_images

        shapes = [p.shape for p in open_images(tmp_path).part("train").pictures(channels)]  # type: ignore[union-attr,arg-type] # readable; both are allowed
        assert shapes == [(12, 8, channels)] * 2


@pytest.mark.parametrize("crop", ["centre", "random"])
def test_a_batch_is_its_examples(crop: str, tmp_path: Path) -> None:
    chosen = settings(size=(6, 6), short_side=8, crop=crop, flip_horizontal=0.0)
    train = split_images(npz(tmp_path), chosen, 0, tmp_path / "run").train
    keys = [(0, 3), (0, 30), (1, 0), (1, 3)]
    batch = train.__getitems__(keys)
    for row, key in enumerate(keys):
        for name, value in train[key].items():
            assert torch.equal(batch[name][row], value)
            assert batch[name].dtype == value.dtype


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        (2, r"\(classes=2\); for all of its 3: --set classes=3"),
        (10, r"3 classes, classes=10: --set classes=3"),
    ],
)
def test_class_folders_must_be_as_many_as_classes(tmp_path: Path, classes: int, said: str) -> None:
    for name in ("cat", "dog", "owl"):
        write_png(tmp_path / name / "a.png", noise(1)[0])
    with pytest.raises(UnusableData, match=said):
        split_images(tmp_path, settings(), 0, classes=classes)
