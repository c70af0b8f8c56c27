"""Which clips a command line means."""

from pathlib import Path

import pytest

from pipelines.inputs import named_inputs
from predictor.errors import SettingsError


def touched(folder: Path, *names: str) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return [folder / name for name in names]


def test_folder_of_videos_is_a_batch_without_outputs_and_hidden_files(tmp_path: Path) -> None:
    touched(tmp_path, "b.MP4", "a.mkv", "a.predicted.mkv", "._a.mkv", "notes.txt")
    inputs = named_inputs([str(tmp_path)])
    assert [path.name for path in inputs.clips] == ["a.mkv", "b.MP4"]
    assert inputs.is_batch


def test_other_files_beside_the_videos_of_a_folder_are_counted_once(tmp_path: Path) -> None:
    touched(tmp_path, "b.mp4", "a.3g2", "notes.TXT", "notes", "song.ogg", "._x.txt")
    touched(tmp_path, "a.predicted.csv")
    inputs = named_inputs([str(tmp_path), str(tmp_path)])
    assert [path.name for path in inputs.clips] == ["a.3g2", "b.mp4"]
    assert str(inputs.others) == "3 other files left alone (.ogg .txt)"


def test_folder_with_one_video_is_a_batch(tmp_path: Path) -> None:
    touched(tmp_path, "a.mp4")
    assert named_inputs([str(tmp_path)]).is_batch


def test_folder_of_images_is_one_clip(tmp_path: Path) -> None:
    touched(tmp_path / "shot", "000000.png", "000001.PNG", "notes.txt")
    inputs = named_inputs([str(tmp_path / "shot")])
    assert inputs.clips == [tmp_path / "shot"]
    assert not inputs.is_batch


def test_folder_of_videos_with_a_poster_is_videos(tmp_path: Path) -> None:
    touched(tmp_path, "a.mp4", "cover.jpg")
    assert named_inputs([str(tmp_path)]).clips == [tmp_path / "a.mp4"]


def test_folder_of_images_stays_one_beside_outputs_and_hidden_files(tmp_path: Path) -> None:
    for name in ("1.png", "2.png", "._clip.mp4", "frames.predicted.mp4"):
        (tmp_path / name).touch()
    assert named_inputs([str(tmp_path)]).clips == [tmp_path]
    (tmp_path / "clip.mp4").touch()
    assert named_inputs([str(tmp_path)]).clips == [tmp_path / "clip.mp4"]


def test_glob_is_sorted_and_leaves_outputs_out(tmp_path: Path) -> None:
    touched(tmp_path, "2.mp4", "1.mp4", "1.predicted.mp4")
    inputs = named_inputs([str(tmp_path / "*.mp4")])
    assert [path.name for path in inputs.clips] == ["1.mp4", "2.mp4"]


def test_name_with_brackets_is_a_file_before_it_is_a_pattern(tmp_path: Path) -> None:
    touched(tmp_path, "take[1].mp4", "take1.mp4")
    assert named_inputs([str(tmp_path / "take[1].mp4")]).clips == [tmp_path / "take[1].mp4"]


def test_clip_named_twice_counts_once(tmp_path: Path) -> None:
    (clip,) = touched(tmp_path, "a.mp4")
    inputs = named_inputs([str(clip), str(tmp_path / "a*.mp4")])
    assert inputs.clips == [clip]
    assert not inputs.is_batch


@pytest.mark.parametrize("name", ["absent.mp4", "*.absent", "empty"])
def test_name_for_nothing_is_an_error_of_its_own(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (clip,) = touched(tmp_path, "a.mp4")
    inputs = named_inputs([str(tmp_path / name), str(clip)])
    assert inputs.clips == [clip]
    assert name in str(inputs.entries[tmp_path / name])
    assert inputs.is_batch


def test_an_empty_name_is_not_the_folder_one_stands_in() -> None:
    with pytest.raises(SettingsError, match="empty name"):
        named_inputs(["a.mp4", ""])
