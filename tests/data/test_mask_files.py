"""A user's own masks, and how often they and drawn ones come."""

import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Generator

from pipelines.inpaint.mask_files import read_mask
from predictor.data import mask_files
from predictor.data.mask_files import MaskFiles
from predictor.data.mask_source import MaskSettings, MaskSource
from predictor.errors import UnusableData


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A wide cross, a small dot, one empty, one full, one that is no picture."""
    cross = np.zeros((100, 140), np.uint8)
    cross[40:60], cross[:, 60:80] = 255, 255
    dot = np.zeros((64, 64, 3), np.uint8)
    dot[30:38, 30:38] = 200
    (tmp_path / "sub").mkdir()
    cv2.imwrite(str(tmp_path / "cross.png"), cross)
    cv2.imwrite(str(tmp_path / "sub/dot.png"), dot)
    cv2.imwrite(str(tmp_path / "empty.png"), np.zeros((20, 20), np.uint8))
    cv2.imwrite(str(tmp_path / "full.png"), np.full((20, 20), 255, np.uint8))
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("no mask")
    return tmp_path


def test_what_marks_a_part_of_its_picture_is_used_and_the_rest_is_named(folder: Path) -> None:
    files = MaskFiles(folder)
    assert files.names == ["cross.png", "sub/dot.png"]
    assert len(files.skipped) == 3
    assert any("empty.png marks nothing" in line for line in files.skipped)
    assert any("full.png marks all" in line for line in files.skipped)
    assert any("broken.png" in line for line in files.skipped)


def test_what_is_missing_is_what_inpaint_takes_for_missing(tmp_path: Path) -> None:
    colours = np.zeros((10, 40, 4), np.uint8)  # BGRA: white, transparent white, green, blue
    colours[:, :10], colours[:, 10:20] = 255, (255, 255, 255, 0)
    colours[:, 20:30], colours[:, 30:] = (0, 255, 0, 255), (255, 0, 0, 255)
    cv2.imwrite(str(tmp_path / "colours.png"), colours)
    grey = np.zeros((10, 40), np.uint8)
    grey[:, :10], grey[:, 10:20] = 128, 127
    cv2.imwrite(str(tmp_path / "grey.png"), grey)
    for name, share in (("colours.png", 0.5), ("grey.png", 0.25)):
        taken = read_mask(tmp_path / name)
        assert taken.mean() == share
        np.testing.assert_array_equal(mask_files._light(tmp_path / name), taken)


def test_masks_are_cut_from_the_files_at_the_area_asked_for(folder: Path) -> None:
    (folder / "sub/dot.png").unlink()
    files, generator = MaskFiles(folder), Generator().manual_seed(0)
    masks = [files.drawn((64, 48), (0.2, 0.5), generator) for _ in range(40)]
    assert all(0.2 <= mask.mean() <= 0.5 for mask in masks)
    assert len({mask.numpy().tobytes() for mask in masks}) > 20
    for mask in masks:  # a cut of a cross: rows and columns that are missing throughout, no more
        full_rows, full_columns = mask[0].all(1), mask[0].all(0)
        cross = full_rows[:, None] | full_columns[None, :]
        assert (mask[0].bool() ^ cross).float().mean() < 0.08


def test_a_file_without_such_a_cut_is_used_whole(folder: Path) -> None:
    (folder / "cross.png").unlink()
    mask = MaskFiles(folder).drawn((32, 32), (0.4, 0.5), Generator().manual_seed(0))
    assert mask.mean().item() == pytest.approx((8 / 64) ** 2, rel=0.3)


def test_a_folder_without_masks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableData, match="has no mask"):
        MaskFiles(tmp_path)
    with pytest.raises(UnusableData, match="is not a folder"):
        MaskFiles(tmp_path / "missing")


def test_kinds_come_as_often_as_they_should(folder: Path) -> None:
    drawn = MaskSettings(kinds={"boxes": 3, "centre": 1}, area=(0.01, 0.1))
    assert drawn.odds == {"boxes": 0.75, "centre": 0.25}
    own = MaskSettings(kinds={"boxes": 3, "centre": 1}, folder=folder)
    assert own.odds == {"boxes": 0.375, "centre": 0.125, "files": 0.5}
    only = MaskSettings(kinds={"files": 1}, folder=folder)
    assert only.odds == {"files": 1}

    source, generator = MaskSource(drawn), Generator().manual_seed(0)
    centre = MaskSource(MaskSettings(kinds={"centre": 1})).drawn((64, 64), generator)
    masks = [source.drawn((64, 64), generator) for _ in range(200)]
    assert sum(torch.equal(mask, centre) for mask in masks) == pytest.approx(50, abs=20)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"area": (0.5, 0.2)}, "expected 0 <= smallest < largest"),
        ({"kinds": {"boxes": 0}}, "expected one above 0"),
        ({"kinds": {"files": 1}}, "folder names none"),
        ({"kinds": {"box": 1}}, "kinds"),
    ],
)
def test_settings_that_cannot_work(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MaskSettings.model_validate(values)


def test_masks_are_remembered_in_a_bit_a_pixel(tmp_path: Path) -> None:
    pixels = np.zeros((1200, 1000), np.uint8)
    pixels[:500] = 255
    for number in range(4):
        cv2.imwrite(str(tmp_path / f"{number}.png"), pixels)
    tracemalloc.start()
    try:
        files = MaskFiles(tmp_path)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(files.names) == 4
    assert kept < 4 * pixels.size / 4
