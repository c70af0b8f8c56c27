"""Decode once, train many times: for runs that wait for decoding."""

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from predictor.data.footage import all_pictures
from predictor.data.packed import PackedFrames, PackedPlace
from predictor.data.threads import in_threads
from predictor.data.video_index import IndexedVideo, VideoIndex
from predictor.errors import OutputNotWritten
from predictor.progress import Progress
from predictor.whole_files import whole_file, write_whole

_VERSION = 1
_BLOCK_BYTES = 1 << 24


def with_packed_frames(
    index: VideoIndex,
    path: Path,
    limit_bytes: int,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> VideoIndex:
    """Return `index` so that it reads frames from the file `path`, which is made if need be.

    Videos are packed in their order while the file stays within `limit_bytes`; the others are
    decoded as before. The pictures are the same either way. A file that was made for other videos
    or another limit is replaced. Raises `OutputNotWritten` if there is no space for it,
    `UnreadableVideo` if a video has changed since it was indexed.
    """
    chosen = _chosen(index, limit_bytes)
    if not chosen:
        return index
    places: dict[str, PackedPlace] = {}
    size = 0
    for video in chosen:
        shape = (video.frame_count, 3, *video.size)
        places[video.name] = PackedPlace(size, shape)
        size += _bytes(video)
    description = json.dumps(
        {
            "version": _VERSION,
            "videos": [[video.name, *video.stamp, *places[video.name].shape] for video in chosen],
        }
    )
    note = path.with_name(path.name + ".json")
    if not _is_current(path, note, size, description):
        note.unlink(missing_ok=True)
        try:
            with whole_file(path) as partial:
                _reserve(partial, size)
                _fill(index, chosen, places, partial, workers, progress)
        except OutputNotWritten as error:
            raise OutputNotWritten(f"{error} ({size / 2**30:.1f} GiB of frames)") from error
        write_whole(note, description.encode())
    return replace(index, packed=PackedFrames(path, places))


def frame_bytes(index: VideoIndex) -> tuple[int, int]:
    """Return how many bytes the frames of `index` have that are not packed, and how many in all."""
    packed = index.packed
    left = (video for video in index.videos if packed is None or video.name not in packed)
    return sum(map(_bytes, left)), sum(map(_bytes, index.videos))


def _bytes(video: IndexedVideo) -> int:
    return video.frame_count * 3 * video.size[0] * video.size[1]


def _chosen(index: VideoIndex, limit_bytes: int) -> list[IndexedVideo]:
    chosen = []
    for video in index.videos:
        if _bytes(video) <= limit_bytes:
            limit_bytes -= _bytes(video)
            chosen.append(video)
    return chosen


def _is_current(path: Path, note: Path, size: int, description: str) -> bool:
    try:
        return path.stat().st_size == size and note.read_text() == description
    except OSError:
        return False


def _reserve(path: Path, size: int) -> None:
    """Make the file take all its space now: a full disk is an error here, a crash in a mapping."""
    with path.open("wb") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
            return
        for start in range(0, size, _BLOCK_BYTES):
            file.write(bytes(min(_BLOCK_BYTES, size - start)))


def _fill(
    index: VideoIndex,
    videos: Sequence[IndexedVideo],
    places: dict[str, PackedPlace],
    path: Path,
    workers: int | None,
    progress: Progress | None,
) -> None:
    mapped = np.memmap(path, dtype=np.uint8, mode="r+")

    def write(video: IndexedVideo) -> str:
        target = places[video.name].within(mapped)
        for number, picture in enumerate(all_pictures(index.path(video), video.frame_count)):
            target[number] = picture
        return video.name

    for done, name in enumerate(in_threads(write, videos, workers), 1):
        if progress is not None:
            progress(done, len(videos), name)
    mapped.flush()
