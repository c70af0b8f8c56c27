"""Photographs of a folder: which can be used, and the examples that are cut out of them."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest
import torch

from predictor.data import (
    HeldOutPhotos,
    MaskSettings,
    MaskSource,
    PhotoDataset,
    PhotoIndex,
    PhotoSettings,
    index_photos,
    photo_index,
    split_by_file,
)
from predictor.data.photographs import photograph_part
from predictor.errors import OutputNotWritten, UnreadableImage, UnusableData
from predictor.media.images import from_uint8, read_image

TURNED = 6  # EXIF: the stored picture is shown after a quarter turn clockwise


def texture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Return a smooth picture, uint8 RGB."""
    grid = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), np.uint8)
    return cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)


def saved(path: Path, pixels: np.ndarray, orientation: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = PIL.Image.fromarray(pixels)
    exif = picture.getexif()
    exif[0x0112] = orientation
    picture.save(path, quality=95, exif=exif)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three photographs in a tree, three files that are none, and a link to nothing."""
    root = tmp_path / "photos"
    saved(root / "a.jpg", texture(120, 160))
    saved(root / "deep/turned.jpg", texture(90, 150, seed=1), TURNED)
    saved(root / "deep/b.png", texture(64, 64, seed=2))
    whole = (root / "a.jpg").read_bytes()
    (root / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (root / "deleted.png").symlink_to("nowhere")
    (root / "empty.png").touch()
    (root / "text.jpg").write_text("no picture")
    (root / "notes.txt").write_text("not looked at")
    saved(root / ".hidden/c.jpg", texture(64, 64))
    return root


def dataset(folder: Path, seed: int = 0, **settings: object) -> PhotoDataset:
    values = PhotoSettings.model_validate({"crop": (32, 48), **settings})
    return PhotoDataset(index_photos(folder), values, MaskSource(MaskSettings()), seed)


def test_readable_photographs_are_indexed_upright_and_the_others_named(folder: Path) -> None:
    index = index_photos(folder)
    assert [(photo.name, photo.size) for photo in index.photos] == [
        ("a.jpg", (120, 160)),
        ("deep/b.png", (64, 64)),
        ("deep/turned.jpg", (150, 90)),
    ]
    assert [name for name, _ in index.skipped] == [
        "cut.jpg",
        "deleted.png",
        "empty.png",
        "text.jpg",
    ]
    assert all(name in reason for name, reason in index.skipped)


def test_a_known_photograph_is_not_decoded_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "run/index.json"
    first = index_photos(folder, cache)
    seen: list[str] = []
    decode = photo_index.read_pixels

    def counted(path: Path, reduction: object) -> object:
        seen.append(path.name)
        return decode(path, reduction)  # type: ignore[arg-type] # passed on

    monkeypatch.setattr(photo_index, "read_pixels", counted)
    again = index_photos(folder, cache)
    assert seen == []
    assert (again.photos, again.skipped) == (first.photos, first.skipped)
    shutil.copy(folder / "a.jpg", folder / "text.jpg")  # mended
    assert "text.jpg" in index_photos(folder, cache).names
    assert seen == ["text.jpg"]
    cache.write_text("{")
    assert index_photos(folder, cache).names == [
        "a.jpg",
        "deep/b.png",
        "deep/turned.jpg",
        "text.jpg",
    ]


def test_folders_without_photographs_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UnusableData, match="is not a folder"):
        index_photos(tmp_path / "missing")
    (tmp_path / "bad").mkdir()
    with pytest.raises(UnusableData, match="has no photograph"):
        index_photos(tmp_path / "bad")
    shutil.copy(folder / "empty.png", tmp_path / "bad/x.png")
    with pytest.raises(UnusableData, match=r"no readable photograph: 1 tried, the first is x\.png"):
        index_photos(tmp_path / "bad")
    with pytest.raises(OutputNotWritten, match=r"notes\.txt"):
        index_photos(folder, folder / "notes.txt/index.json")


def test_examples_depend_on_seed_and_key_only(folder: Path) -> None:
    data = dataset(folder)
    first = data[(3, 1)]
    data[(0, 0)]
    torch.manual_seed(9)
    again = dataset(folder)[(3, 1)]
    for name in ("image", "mask"):
        assert torch.equal(first[name], again[name])
        assert not torch.equal(first[name], data[(4, 1)][name])
        assert not torch.equal(first[name], dataset(folder, seed=1)[(3, 1)][name])


def test_examples_are_in_range_of_the_size_asked_for_and_show_their_photograph(
    folder: Path,
) -> None:
    data = dataset(folder, flip_horizontal=0.0)
    assert len(data) == 3
    for number in range(3):
        item = data[(0, number)]
        assert item["image"].shape == (3, 32, 48)
        assert item["mask"].shape == (1, 32, 48)
        assert item["mask"].unique().tolist() == [0, 1]
        low, high = item["image"].aminmax()
        assert low >= -1
        assert high <= 1
        whole = read_image(data.index.path(data.index.photos[number]))
        assert (item["image"].mean((1, 2)) - whole.mean((1, 2))).abs().max() < 0.35


def test_half_of_the_examples_are_mirrored(folder: Path) -> None:
    plain, mirrored = (dataset(folder, flip_horizontal=share) for share in (0.0, 1.0))
    either = dataset(folder)
    flips = 0
    for epoch in range(30):
        one, other = plain[(epoch, 0)]["image"], mirrored[(epoch, 0)]["image"]
        assert torch.equal(one.flip(-1), other)
        flips += torch.equal(either[(epoch, 0)]["image"], other)
    assert 8 <= flips <= 22


@pytest.mark.parametrize("factor", [1, 3, 9])
def test_a_part_is_the_same_however_large_its_photograph_is(tmp_path: Path, factor: int) -> None:
    # larger files are decoded at a half, a quarter or an eighth
    saved(tmp_path / "x.png", texture(64 * factor, 80 * factor))
    index = index_photos(tmp_path)
    part = photograph_part(index, index.photos[0], (32, 32), shown=0.75, place=(1.0, 0.0))
    small = texture(64, 80)[16:64, 0:48]
    expected = cv2.resize(small, (32, 32), interpolation=cv2.INTER_AREA)
    difference = np.abs(part.astype(int) - expected)
    assert difference.mean() < 4
    assert difference.max() < 24


def test_a_photograph_is_seen_from_edge_to_edge(tmp_path: Path) -> None:
    columns = np.broadcast_to(np.arange(100, dtype=np.uint8)[None, :, None], (50, 100, 3))
    saved(tmp_path / "x.png", np.ascontiguousarray(columns))
    index = index_photos(tmp_path)
    firsts = {
        place: photograph_part(index, index.photos[0], (50, 50), place=(0, place))[0, 0, 0]
        for place in (0.0, 0.5, 0.9999)
    }
    assert firsts == {0.0: 0, 0.5: 25, 0.9999: 50}


def test_held_out_photographs_are_the_same_each_time(folder: Path) -> None:
    sources = {
        "centre": MaskSource(MaskSettings(kinds={"centre": 1})),
        "strokes": MaskSource(MaskSettings(kinds={"strokes": 1}, area=(0.1, 0.3))),
    }
    items = HeldOutPhotos(index_photos(folder), (64, 64), sources)
    assert len(items) == 6
    first, second = items[2], items[3]
    assert (first["name"], first["kind"]) == ("deep/b.png", "centre")
    assert (second["name"], second["kind"]) == ("deep/b.png", "strokes")
    assert torch.equal(first["image"], from_uint8(texture(64, 64, seed=2)))
    assert first["mask"].mean() == 0.25
    assert 0.1 <= second["mask"].mean() <= 0.3
    assert torch.equal(items[3]["mask"], second["mask"])
    assert not torch.equal(items[1]["mask"], second["mask"])


def test_a_name_that_is_no_text_draws_masks_too(tmp_path: Path) -> None:
    saved(tmp_path / "a.png", texture(64, 64)).rename(tmp_path / "\udcff.png")
    masks = {"strokes": MaskSource(MaskSettings(kinds={"strokes": 1.0}))}
    item = HeldOutPhotos(index_photos(tmp_path), (64, 64), masks)[0]
    assert item["mask"].any()


def test_a_photograph_that_went_away_is_named(folder: Path) -> None:
    data = dataset(folder)
    (folder / "a.jpg").unlink()
    with pytest.raises(UnreadableImage, match=r"a\.jpg does not exist"):
        data[(0, 0)]


def test_photographs_are_split_by_file(folder: Path) -> None:
    train, held_out = split_by_file(index_photos(folder), 0.1)
    assert isinstance(train, PhotoIndex)
    assert len(held_out.names) == 1
    assert sorted(train.names + held_out.names) == ["a.jpg", "deep/b.png", "deep/turned.jpg"]
    shutil.rmtree(folder / "deep")
    with pytest.raises(UnusableData, match=r"one readable photograph \(a.jpg\)"):
        split_by_file(index_photos(folder), 0.1)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"crop": (0, 8)}, "at least 1"),
        ({"shown": (0.9, 0.5)}, "smallest <= largest"),
        ({"shown": (0.5, 1.5)}, "less than or equal to 1"),
    ],
)
def test_settings_that_cannot_work(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PhotoSettings.model_validate(values)
