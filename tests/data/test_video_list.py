"""Lists of videos as data sets come with."""

from pathlib import Path

import pytest

from predictor.data.video_list import listed_videos
from predictor.errors import UnusableData


def test_labels_and_empty_lines_are_left_out_and_the_order_kept(tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_text("B/v_2.avi 12\r\n\nA/my clip.avi\nA/take 7\n")
    assert listed_videos(tmp_path, file) == ["B/v_2.avi", "A/my clip.avi", "A/take"]


def test_without_a_list_all_videos_are_named(tmp_path: Path) -> None:
    for name in ("b.mp4", "a.avi", "notes.txt"):
        (tmp_path / name).touch()
    assert listed_videos(tmp_path, None) == ["a.avi", "b.mp4"]


def test_what_is_no_list_is_refused(tmp_path: Path) -> None:
    empty, binary = tmp_path / "empty.txt", tmp_path / "binary.txt"
    empty.write_text("\n \n")
    binary.write_bytes(b"\xff\xfe\x00")
    for file in (empty, binary, tmp_path / "missing.txt"):
        with pytest.raises(UnusableData, match=file.name):
            listed_videos(tmp_path, file)
