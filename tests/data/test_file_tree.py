"""What lies in folders of data as people keep them: links, hidden files, runs, closed folders."""

import os
from pathlib import Path

import pytest
import torch

from predictor.data import index_photos, index_videos, open_images
from predictor.data.file_tree import file_tree
from predictor.data.image_formats import open_pictures
from predictor.data.mask_files import MaskFiles
from predictor.media.images import write_png
from tests.data.synthetic_videos import moving_square, write_video


def _picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(len(path.name))
    write_png(path, torch.rand(3, 16, 16, generator=generator) * 2 - 1)


def test_hidden_files_and_folders_are_left_out(tmp_path: Path) -> None:
    for name in ("a/b.png", ".hidden/c.png", "a/.d.png"):
        _picture(tmp_path / name)
    tree = file_tree(tmp_path)
    assert (tree.files, tree.folders, tree.skipped) == (("a/b.png",), ("a",), ())


def test_linked_folders_are_looked_into_once_and_under_their_own_name(tmp_path: Path) -> None:
    _picture(tmp_path / "data" / "own" / "a.png")
    _picture(tmp_path / "elsewhere" / "b.png")
    (tmp_path / "data" / "an alias").symlink_to(tmp_path / "data" / "own")
    (tmp_path / "data" / "loop").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "other").symlink_to(tmp_path / "elsewhere")
    assert file_tree(tmp_path / "data").files == ("other/b.png", "own/a.png")


def test_a_folder_can_be_left_out_by_whatever_name_but_not_the_root(tmp_path: Path) -> None:
    for name in ("a/1.png", "b/2.png", "b/c/3.png"):
        _picture(tmp_path / "data" / name)
    (tmp_path / "link").symlink_to(tmp_path / "data" / "b" / "c")
    tree = file_tree(tmp_path / "data", tmp_path / "link")
    assert (tree.files, tree.folders, tree.skipped) == (("a/1.png", "b/2.png"), ("a", "b"), ())
    assert len(file_tree(tmp_path / "data", tmp_path / "data" / "a" / "..").files) == 3


def test_a_link_to_itself_is_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    _picture(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to(tmp_path / "b.png")
    assert file_tree(tmp_path).files == ("a.png", "b.png")
    assert [name for name, _ in index_photos(tmp_path).skipped] == ["b.png"]


def test_the_folder_of_a_run_is_no_data_but_data_may_hold_a_file_of_that_name(
    tmp_path: Path,
) -> None:
    _picture(tmp_path / "runs" / "a" / "previews" / "1.png")
    _picture(tmp_path / "kept" / "2.png")
    for file in ("runs/a/run.json", "runs/a/run.lock", "kept/run.json"):
        (tmp_path / file).touch()
    tree = file_tree(tmp_path)
    assert tree.files == ("kept/2.png", "kept/run.json")
    assert tree.skipped == (("runs/a", "is the folder of a training run"),)
    assert file_tree(tmp_path / "runs" / "a").files, "what is named itself is looked into"


def test_a_run_that_begins_is_one_and_what_holds_only_runs_is_no_folder_of_data(
    tmp_path: Path,
) -> None:
    for name in ("cat/1.png", "dog/1.png", "dog/runs/b/1.png", "runs/old/a/1.png"):
        _picture(tmp_path / name)
    (tmp_path / "runs" / "c").mkdir()
    (tmp_path / "bird").mkdir()
    for name in ("dog/runs/b", "runs/old/a", "runs/c"):
        (tmp_path / name / "run.lock").touch()
    tree = file_tree(tmp_path)
    assert tree.files == ("cat/1.png", "dog/1.png")
    assert tree.folders == ("bird", "cat", "dog")
    assert [name for name, _ in tree.skipped] == ["dog/runs/b", "runs/c", "runs/old/a"]
    collection = open_images(tmp_path)
    assert collection.class_names == ("cat", "dog")
    assert collection.empty_classes == ("bird",)


def test_a_folder_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _picture(tmp_path / "open" / "a.png")
    _picture(tmp_path / "closed" / "b.png")
    listed = os.scandir

    def scandir(path: Path) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    (skipped,) = open_images(tmp_path).skipped
    assert skipped == f"{tmp_path / 'closed'} cannot be read: Permission denied"
    assert index_photos(tmp_path).skipped == (("closed", "cannot be read: Permission denied"),)


def test_a_link_that_leads_nowhere_is_skipped_with_its_name_by_all(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        _picture(tmp_path / "data" / name)
    write_video(tmp_path / "data" / "c.mp4", moving_square(3))
    (tmp_path / "data" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "data" / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    (photo,) = index_photos(tmp_path / "data").skipped
    assert photo[0] == "gone.png"
    assert "does not exist" in photo[1]
    pictures, video = index_videos(tmp_path / "data").skipped
    assert (pictures[0], video[0]) == (".", "gone.mp4")
    assert "does not exist" in video[1]
    for collection in (open_images(tmp_path / "data"), open_pictures(tmp_path / "data")):
        *_, last = collection.parts["train"].pictures(3)
        assert str(last) == f"{tmp_path / 'data' / 'gone.png'} cannot be read: " + os.strerror(2)


def test_a_folder_of_links_that_lead_nowhere_is_no_clip(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", moving_square(3))
    (tmp_path / "frames").mkdir()
    for number in range(3):
        (tmp_path / "frames" / f"{number}.png").symlink_to(tmp_path / "nowhere.png")
    ((name, reason),) = index_videos(tmp_path).skipped
    assert name == "frames"
    assert "without pictures" in reason


def test_masks_behind_a_link_are_found(tmp_path: Path) -> None:
    image = torch.full((3, 16, 16), -1.0)
    image[:, :8] = 1
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "masks").mkdir()
    write_png(tmp_path / "elsewhere" / "half.png", image)
    (tmp_path / "masks" / "more").symlink_to(tmp_path / "elsewhere")
    assert MaskFiles(tmp_path / "masks").names == ["more/half.png"]
