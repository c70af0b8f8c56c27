"""Which videos are held out."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictor.data import IndexedVideo, VideoIndex, split_by_file, thinned
from predictor.errors import UnusableData


def index_of(names: list[str]) -> VideoIndex:
    nothing = np.zeros(0, dtype=np.int64)
    videos = [
        IndexedVideo(
            n, (8, 8), Fraction(1), nothing, nothing, np.zeros(0, np.float32), *[nothing] * 2
        )
        for n in sorted(names)
    ]
    return VideoIndex(Path("videos"), tuple(videos))


def names_of(index: VideoIndex) -> list[str]:
    return [video.name for video in index.videos]


@given(st.sets(st.text("abc/.", min_size=1, max_size=6), min_size=2), st.floats(0, 1))
def test_every_video_is_on_exactly_one_side(names: set[str], share: float) -> None:
    train, held_out = split_by_file(index_of(list(names)), share)
    assert sorted(names_of(train) + names_of(held_out)) == sorted(names)
    assert train.videos
    assert held_out.videos


def test_the_share_is_kept_and_new_videos_move_no_old_one() -> None:
    names = [f"clip{number}.mp4" for number in range(1000)]
    held_out = set(names_of(split_by_file(index_of(names), 0.1)[1]))
    assert 70 <= len(held_out) <= 130
    more = [*names, *(f"new{number}.mp4" for number in range(500))]
    assert held_out == set(names_of(split_by_file(index_of(more), 0.1)[1])) & set(names)


def test_train_and_val_folders_decide() -> None:
    names = ["train/a.mp4", "train/b.mp4", "val/c.mp4", "val/deep/d.mp4", "e.mp4"]
    train, held_out = split_by_file(index_of(names), 0.9)
    assert names_of(held_out) == ["val/c.mp4", "val/deep/d.mp4"]
    assert names_of(train) == ["e.mp4", "train/a.mp4", "train/b.mp4"]


def test_train_val_and_test_folders_may_be_in_capitals() -> None:
    names = ["Train/a.mp4", "Train/b.mp4", "Val/c.mp4", "TEST/d.mp4"]
    train, held_out = split_by_file(index_of(names), 0.9)
    assert (names_of(train), names_of(held_out)) == (["Train/a.mp4", "Train/b.mp4"], ["Val/c.mp4"])


def test_names_that_are_no_text_are_split_too() -> None:
    names = [f"\udcff{number}.mp4" for number in range(4)]
    train, held_out = split_by_file(index_of(names), 0.1)
    assert sorted(names_of(train) + names_of(held_out)) == names


def test_one_video_cannot_be_split() -> None:
    with pytest.raises(UnusableData, match=r"one readable video \(a.mp4\)"):
        split_by_file(index_of(["a.mp4"]))


def test_what_is_kept_for_testing_is_on_neither_side() -> None:
    names = [f"train/{n}.mp4" for n in "abcdef"] + ["test/g.mp4", "test/h.mp4"]
    for more in ([], ["val/i.mp4"]):
        train, held_out = split_by_file(index_of(names + more))
        both = names_of(train) + names_of(held_out)
        assert sorted(both) == sorted([*names[:6], *more])
    train, held_out = split_by_file(index_of(["test/g.mp4", "test/h.mp4"]))
    assert len(names_of(train) + names_of(held_out)) == 2, "without train/ it is any folder"


def test_one_that_can_be_measured_is_held_out() -> None:
    names = [f"clip{number}.mp4" for number in range(30)]
    first = names_of(split_by_file(index_of(names), 0.1)[1])
    for name in set(names) - set(first):
        train, held_out = split_by_file(index_of(names), 0.1, {name})
        assert names_of(held_out) == sorted([*first, name])
        assert name not in names_of(train)
    assert names_of(split_by_file(index_of(names), 0.1, {first[0]})[1]) == first
    assert names_of(split_by_file(index_of(names), 0.1, set())[1]) == first


def test_a_resumed_run_moves_no_file_across(tmp_path: Path) -> None:
    names = [f"clip{number}.mp4" for number in range(8)]
    (held_out,) = names_of(split_by_file(index_of(names), 0.0, run=tmp_path)[1])
    (tmp_path / "run.json").touch()
    more = [*names, *(f"new{number}.mp4" for number in range(40))]
    assert names_of(split_by_file(index_of(more), 0.1)[1]) != [held_out], "by hash alone it moves"
    train, again = split_by_file(index_of(more), 0.1, run=tmp_path)
    assert names_of(again) == [held_out]
    assert names_of(train) == sorted({*more} - {held_out})
    others = [name for name in names if name != held_out]
    assert len(names_of(split_by_file(index_of(others), 0.0, run=tmp_path)[1])) == 1


def test_what_a_start_that_was_stopped_has_left_splits_no_new_run(tmp_path: Path) -> None:
    names = [f"clip{number}.mp4" for number in range(30)]
    few = names_of(split_by_file(index_of(names), 0.0, run=tmp_path)[1])
    many = names_of(split_by_file(index_of(names), 0.9, run=tmp_path)[1])
    assert (len(few), len(many) > 20) == (1, True)
    (tmp_path / "run.json").touch()
    assert names_of(split_by_file(index_of(names), 0.0, run=tmp_path)[1]) == many


def test_where_all_that_can_be_measured_is_gone_another_is_held_out(tmp_path: Path) -> None:
    names = [f"clip{number}.mp4" for number in range(8)]
    whole = names[1:]
    kept = names_of(split_by_file(index_of(names), 0.0, set(whole), run=tmp_path)[1])
    (tmp_path / "run.json").touch()
    left = [name for name in names if name not in set(kept) & set(whole)]
    _, held_out = split_by_file(index_of(left), 0.0, set(whole), run=tmp_path)
    assert len(set(names_of(held_out)) & set(whole)) == 1
    again = split_by_file(index_of(left), 0.0, set(whole), run=tmp_path)[1]
    assert names_of(again) == names_of(held_out)


def test_a_record_that_cannot_be_read_is_made_anew(tmp_path: Path) -> None:
    names = [f"clip{number}.mp4" for number in range(8)]
    (tmp_path / "run.json").touch()
    expected = names_of(split_by_file(index_of(names), 0.1, run=tmp_path)[1])
    for damage in ("", "[1, ", "3", '["clip9.mp4"]'):
        (tmp_path / "held_out.json").write_text(damage)
        assert names_of(split_by_file(index_of(names), 0.1, run=tmp_path)[1]) == expected


@given(st.integers(1, 60), st.integers(1, 70))
def test_as_many_are_left_as_asked_for_from_end_to_end(found: int, most: int) -> None:
    names = [f"{number:02}.mp4" for number in range(found)]
    left = names_of(thinned(index_of(names), most))
    assert len(left) == min(found, most)
    steps = np.diff([int(name[:2]) for name in left])
    assert not len(steps) or steps.max() - steps.min() <= 1
    assert names_of(thinned(index_of(names), None)) == names
    last = set(names[-2:])
    assert set(names_of(thinned(index_of(names), most, last))) & last
    assert names_of(thinned(index_of(names), most, set())) == left
