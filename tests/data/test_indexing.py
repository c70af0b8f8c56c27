"""What the index knows of each video, and which videos it leaves out."""

import os
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from synthetic_videos import moving_square, texture, write_video

from predictor.data import index_videos, indexing
from predictor.errors import OutputNotWritten, UnusableData
from predictor.media.images import from_uint8, write_png


def test_a_video_is_described(tmp_path: Path) -> None:
    path = write_video(tmp_path / "in" / "a.mp4", moving_square(23, seed=1), rate=30, group=10)
    (video,) = index_videos(tmp_path).videos
    assert video.name == "in/a.mp4"
    assert index_videos(tmp_path).path(video) == path
    assert video.size == (64, 96)
    assert video.frame_count == 23
    assert video.rate_hz == pytest.approx(30)
    assert video.duration_s == pytest.approx(23 / 30)
    assert video.cuts.tolist() == []
    assert video.truncated is None


def test_times_of_a_variable_rate_are_exact(tmp_path: Path) -> None:
    times = [0, 20, 41, 100, 130, 131, 200]
    write_video(tmp_path / "a.mkv", moving_square(7), times=[t * 6 for t in times])
    (video,) = index_videos(tmp_path).videos
    assert [t * video.time_base for t in video.timestamps.tolist()] == [
        Fraction(round(t * 10), 1000) for t in times
    ]


def test_cuts_are_found_through_a_lossy_codec(tmp_path: Path) -> None:
    frames = moving_square(15, seed=1) + moving_square(15, seed=2)
    write_video(tmp_path / "a.mp4", frames, group=100, lossless=False)
    assert index_videos(tmp_path).videos[0].cuts.tolist() == [15]


def test_photographs_beside_videos_are_no_frames(tmp_path: Path) -> None:
    frames = moving_square(12)
    write_video(tmp_path / "phone/a.mp4", frames)
    for folder in ("phone", "frames"):
        (tmp_path / folder).mkdir(exist_ok=True)
        for number, frame in enumerate(frames):
            write_png(tmp_path / f"{folder}/{number:03d}.png", from_uint8(frame))
    index = index_videos(tmp_path)
    assert [video.name for video in index.videos] == ["frames", "phone/a.mp4"]
    assert index.skipped == (
        ("phone", "its pictures lie beside videos and are not taken for frames"),
    )


def test_folders_of_frames_are_videos(tmp_path: Path) -> None:
    folder = tmp_path / "clip"
    folder.mkdir()
    for number in (1, 2, 10, 11):
        write_png(folder / f"{number}.png", from_uint8(np.full((8, 10, 3), number, np.uint8)))
    write_png(tmp_path / "poster.png", torch.zeros(3, 8, 10))
    (video,) = index_videos(tmp_path).videos
    assert video.name == "clip"
    assert (video.size, video.frame_count) == ((8, 10), 4)
    np.testing.assert_allclose(video.motion * 255, [0, 1, 8, 1], atol=1e-3)


def test_unreadable_videos_are_listed_with_the_reason(tmp_path: Path) -> None:
    good = write_video(tmp_path / "good.mp4", moving_square(12))
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("not a video")
    (tmp_path / "notes.txt").write_text("not listed")
    (tmp_path / "cut-off.mp4").write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    (tmp_path / "frames").mkdir()
    for name in ("deleted.mp4", "frames/1.png", "frames/2.png"):
        (tmp_path / name).symlink_to("nowhere")
    index = index_videos(tmp_path)
    assert [video.name for video in index.videos] == ["good.mp4"]
    assert [name for name, _ in index.skipped] == [
        "cut-off.mp4",
        "deleted.mp4",
        "empty.mp4",
        "frames",
        "text.mp4",
    ]
    assert all(reason for _, reason in index.skipped)


def test_what_decodes_of_a_damaged_video_is_used(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.ts", moving_square(60, seed=1), group=5)
    data = whole.read_bytes()
    (tmp_path / "part.ts").write_bytes(data[: len(data) // 2])
    part = next(v for v in index_videos(tmp_path).videos if v.name == "part.ts")
    assert 10 < part.frame_count < 60


@pytest.mark.parametrize("name", [None, "notes.txt", "broken.mp4"])
def test_a_folder_without_a_readable_video_is_unusable(tmp_path: Path, name: str | None) -> None:
    if name:
        (tmp_path / name).write_text("nothing to see")
    with pytest.raises(UnusableData, match=name if name == "broken.mp4" else "no video"):
        index_videos(tmp_path)


def test_a_missing_folder_is_unusable(tmp_path: Path) -> None:
    with pytest.raises(UnusableData, match="no such file or folder"):
        index_videos(tmp_path / "missing")


def test_the_cache_gives_the_same_index_and_decodes_only_what_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, cache = tmp_path / "videos", tmp_path / "cache" / "index.npz"
    write_video(folder / "a.mp4", moving_square(12, seed=1))
    write_video(folder / "b.mp4", moving_square(8, seed=2) + moving_square(8, seed=3))
    (folder / "bad.mp4").write_text("bad")
    fresh = index_videos(folder, cache)
    decoded: list[str] = []
    entry = indexing._entry

    def counted(root: Path, name: str, stamp: tuple[int, int, int]) -> object:
        decoded.append(name)
        return entry(root, name, stamp)

    monkeypatch.setattr(indexing, "_entry", counted)
    cached = index_videos(folder, cache)
    assert decoded == []
    assert cached.skipped == fresh.skipped
    for one, other in zip(cached.videos, fresh.videos, strict=True):
        assert vars(one).keys() == vars(other).keys()
        for key, value in vars(other).items():
            np.testing.assert_array_equal(getattr(one, key), value)

    shutil.copy(folder / "a.mp4", folder / "c.mp4")
    os.utime(folder / "b.mp4", ns=(0, 0))
    (folder / "a.mp4").unlink()
    again = index_videos(folder, cache)
    assert decoded == ["b.mp4", "c.mp4"]
    assert [video.name for video in again.videos] == ["b.mp4", "c.mp4"]


@pytest.mark.parametrize("damage", [b"", b"PK not a zip", b"\x80\x04K\x01."])
def test_a_damaged_cache_is_made_again(tmp_path: Path, damage: bytes) -> None:
    write_video(tmp_path / "in" / "a.mp4", moving_square(12))
    cache = tmp_path / "index.npz"
    cache.write_bytes(damage)
    assert len(index_videos(tmp_path / "in", cache).videos) == 1
    with np.load(cache) as stored:
        assert len(stored["timestamps"]) == 12


def test_a_cache_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    write_video(tmp_path / "in" / "a.mp4", moving_square(4))
    (tmp_path / "file").touch()
    with pytest.raises(OutputNotWritten, match="index"):
        index_videos(tmp_path / "in", tmp_path / "file" / "index.npz")


def test_progress_counts_every_video(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write_video(tmp_path / f"{name}.mp4", [texture(1)] * 3)
    seen: list[tuple[int, int, str]] = []
    index_videos(tmp_path, workers=2, progress=lambda *state: seen.append(state))
    assert seen == [(1, 3, "a.mp4"), (2, 3, "b.mp4"), (3, 3, "c.mp4")]
