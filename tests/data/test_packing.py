"""Packed frames: the same pictures as decoding gives, made once, within the limit."""

import pickle
from pathlib import Path

import pytest
import torch
from synthetic_videos import moving_square, write_video

from predictor.data import (
    ClipDataset,
    ClipSettings,
    VideoIndex,
    footage,
    frame_bytes,
    index_videos,
    packing,
    with_packed_frames,
)
from predictor.errors import OutputNotWritten, UnreadableVideo

FRAME_BYTES = 3 * 64 * 96
SETTINGS = ClipSettings(context_frames=2, target_frames=1, crop=(48, 48))


@pytest.fixture
def index(tmp_path: Path) -> VideoIndex:
    for number, count in enumerate((12, 40, 9)):
        frames = moving_square(count, seed=number)
        write_video(tmp_path / "videos" / f"{number}.mp4", frames, lossless=False)
    return index_videos(tmp_path / "videos")


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows by the name of each video that is opened."""
    opened: list[str] = []
    original = footage.open_video

    def counted(path: Path, *args: object, **options: object) -> object:
        opened.append(path.name)
        return original(path, *args, **options)

    monkeypatch.setattr(footage, "open_video", counted)
    return opened


def test_packed_clips_equal_decoded_ones_and_decode_nothing(
    index: VideoIndex, tmp_path: Path, decoded: list[str]
) -> None:
    expected = [ClipDataset(index, SETTINGS, seed=0)[0, n]["clip"] for n in range(8)]
    packed = with_packed_frames(index, tmp_path / "cache" / "frames", 10**9)
    decoded.clear()
    dataset = pickle.loads(pickle.dumps(ClipDataset(packed, SETTINGS, seed=0)))
    for number in range(8):
        assert torch.equal(dataset[0, number]["clip"], expected[number])
    assert decoded == []


def test_what_is_not_packed_is_counted(index: VideoIndex, tmp_path: Path) -> None:
    whole = 61 * FRAME_BYTES
    assert frame_bytes(index) == (whole, whole)
    some = with_packed_frames(index, tmp_path / "frames", 21 * FRAME_BYTES)
    assert frame_bytes(some) == (40 * FRAME_BYTES, whole)
    assert frame_bytes(with_packed_frames(index, tmp_path / "all", whole)) == (0, whole)


def test_what_exceeds_the_limit_is_decoded(
    index: VideoIndex, tmp_path: Path, decoded: list[str]
) -> None:
    path = tmp_path / "frames"
    packed = with_packed_frames(index, path, 21 * FRAME_BYTES)
    assert path.stat().st_size == 21 * FRAME_BYTES
    decoded.clear()
    for video in packed.videos:
        for one, other in zip(
            packed.pictures(video, [1, 7]), index.pictures(video, [1, 7]), strict=True
        ):
            assert (one == other).all()
    assert decoded == ["0.mp4", "1.mp4", "1.mp4", "2.mp4"]


def test_a_pack_is_made_once_and_again_when_a_video_changes(
    index: VideoIndex, tmp_path: Path, decoded: list[str]
) -> None:
    path = tmp_path / "frames"
    with_packed_frames(index, path, 10**9)
    assert sorted(decoded) == ["0.mp4", "1.mp4", "2.mp4"]
    with_packed_frames(index, path, 10**9)
    assert len(decoded) == 3
    write_video(index.path(index.videos[0]), moving_square(12, seed=9))
    again = index_videos(index.root)
    packed = with_packed_frames(again, path, 10**9)
    assert len(decoded) == 6
    assert (
        packed.pictures(packed.videos[0], [3])[0] == again.pictures(again.videos[0], [3])[0]
    ).all()


def test_where_space_cannot_be_reserved_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(packing.os, "posix_fallocate")
    monkeypatch.setattr(packing, "_BLOCK_BYTES", 1000)
    packing._reserve(tmp_path / "frames", 2500)
    assert (tmp_path / "frames").read_bytes() == bytes(2500)


def test_a_limit_below_every_video_packs_none(index: VideoIndex, tmp_path: Path) -> None:
    assert with_packed_frames(index, tmp_path / "frames", 100) is index
    assert not (tmp_path / "frames").exists()


def test_a_video_that_became_shorter_is_named_and_leaves_nothing(
    index: VideoIndex, tmp_path: Path
) -> None:
    write_video(index.path(index.videos[1]), moving_square(20))
    with pytest.raises(UnreadableVideo, match=r"1\.mp4 gave 20 of 40 frames"):
        with_packed_frames(index, tmp_path / "cache" / "frames", 10**9)
    assert list((tmp_path / "cache").iterdir()) == []


def test_no_space_is_an_error_and_leaves_nothing(
    index: VideoIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(packing, "_reserve", full)
    with pytest.raises(
        OutputNotWritten, match=r"frames: not written: no space left .*GiB of frames"
    ):
        with_packed_frames(index, tmp_path / "cache" / "frames", 10**9)
    assert list((tmp_path / "cache").iterdir()) == []
