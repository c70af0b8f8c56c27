"""One pass over every video of a folder, remembered in a cache."""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from predictor.data.file_tree import FileTree, file_tree
from predictor.data.index_cache import SkippedVideo, read_cache, write_cache
from predictor.data.index_entries import updated_entries
from predictor.data.shots import ShotMeter
from predictor.data.stamps import file_stamp
from predictor.data.video_index import IndexedVideo, VideoIndex
from predictor.errors import UnreadableMedia, UnusableData
from predictor.media.folder import pictures_in
from predictor.media.images import is_image_path, is_video_path
from predictor.media.video import VideoReader, open_video
from predictor.progress import Progress

_SEEK_CHECKS = 8
"""Frames compared to find out whether a video can be sought in."""


def index_videos(
    data: Path,
    cache: Path | None = None,
    *,
    names: Sequence[str] | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> VideoIndex:
    """Return the index of every video file and folder of frames in the tree `data`, or of one file.

    With `names`, paths in `data`, only of those. Each is decoded once. With `cache` (an ``.npz``
    file, no pickle inside) videos whose size and modification time are unchanged are taken from it,
    and it is brought up to date, also when indexing is interrupted. `workers` threads decode at
    once, by default one a core.

    Raises `UnusableData` if `data` is missing, has no readable video or lacks one of `names`,
    `OutputNotWritten` if the cache cannot be written.
    """
    if not data.exists():
        raise UnusableData(f"{data}: no such file or folder")
    folder, there = data.parent, [data.name]
    left_out: tuple[tuple[str, str], ...] = ()
    if data.is_dir():
        tree = file_tree(data)
        folder, there = data, _videos(tree)
        left_out = () if names else (*tree.skipped, *_pictures_beside_videos(tree))
    if not there:
        raise UnusableData(f"{data} has no video and no folder of frames in it")
    names = there if names is None else sorted(set(names))
    if lacking := sorted(set(names).difference(there)):
        raise UnusableData(f"{data} lacks {len(lacking)} videos, the first is {lacking[0]}")
    stamps = {name: _stamp(folder / name) for name in names}
    entries = updated_entries(
        stamps,
        read_cache(cache) if cache is not None else {},
        lambda name: _entry(folder, name, stamps[name]),
        write_cache,
        cache,
        workers=workers,
        progress=progress,
    )
    found = [entry for _, entry in sorted(entries.items())]
    videos = tuple(entry for entry in found if isinstance(entry, IndexedVideo))
    skipped = tuple((e.name, e.reason) for e in found if isinstance(e, SkippedVideo))
    if not videos:
        name, reason = skipped[0]
        if data != folder:
            raise UnusableData(reason)
        raise UnusableData(
            f"{folder} has no readable video: {len(skipped)} tried, the first is {name}: {reason}"
        )
    return VideoIndex(folder, videos, tuple(sorted((*skipped, *left_out))))


def video_names(folder: Path) -> list[str]:
    """Return the relative paths of all video files and folders of frames, sorted.

    A folder of frames has two or more pictures, and no video beside them: a telephone keeps its
    photographs and videos in one folder.
    """
    return _videos(file_tree(folder))


def _videos(tree: FileTree) -> list[str]:
    videos = [name for name in tree.files if is_video_path(Path(name))]
    beside = {Path(name).parent.as_posix() for name in videos}
    return sorted([*videos, *_picture_folders(tree).difference(beside)])


def _picture_folders(tree: FileTree) -> set[str]:
    paths = (Path(name) for name in tree.files)
    pictures = Counter(path.parent.as_posix() for path in paths if is_image_path(path))
    return {folder for folder, count in pictures.items() if count > 1}


def _pictures_beside_videos(tree: FileTree) -> list[tuple[str, str]]:
    found = _picture_folders(tree).difference(_videos(tree))
    return [
        (folder, "its pictures lie beside videos and are not taken for frames")
        for folder in sorted(found)
    ]


def _stamp(path: Path) -> tuple[int, int, int]:
    """Return what changes when the video does: files, bytes, last modification in ns."""
    files = pictures_in(path) if path.is_dir() else [path]
    stamps = [file_stamp(file) for file in files]
    return len(files), sum(size for size, _ in stamps), max((t for _, t in stamps), default=-1)


def _entry(folder: Path, name: str, stamp: tuple[int, int, int]) -> IndexedVideo | SkippedVideo:
    """Return what is to know about one video, or why it cannot be used."""
    meter = ShotMeter()
    times: list[Fraction] = []
    try:
        with open_video(folder / name, threads=1) as reader:
            info = reader.info
            try:
                for frame in reader:
                    meter.add(frame.image)
                    times.append(frame.time)
                truncated = reader.truncated
            except UnreadableMedia as error:
                truncated = str(error)
            measures = meter.measures()
            can_seek = bool(times) and _finds_frames(reader, times, measures.motion)
    except UnreadableMedia as error:
        return SkippedVideo(name, stamp, str(error))
    if not times:
        return SkippedVideo(name, stamp, truncated or "it has no frames")
    ticks = [time / info.time_base for time in times]
    if any(tick.denominator != 1 for tick in ticks):  # the reader made up times that are missing
        can_seek = False
    return IndexedVideo(
        name=name,
        size=info.size,
        time_base=info.time_base,
        timestamps=np.asarray([round(tick) for tick in ticks], dtype=np.int64),
        motion=measures.motion,
        cuts=measures.cuts,
        repeats=measures.repeats,
        stamp=stamp,
        can_seek=can_seek,
        truncated=truncated,
    )


def _finds_frames(
    reader: VideoReader, times: Sequence[Fraction], motion: NDArray[np.float32]
) -> bool:
    """Whether decoding from the middle gives the same frames at the same times as from the start.

    It does not for containers that keep no times for showing frames, such as AVI with B-frames.
    """
    middle = len(times) // 2
    expected = times[middle : middle + _SEEK_CHECKS]
    meter = ShotMeter()
    try:
        found = list(islice(reader.from_time(times[middle]), len(expected)))
        for frame in found:
            meter.add(frame.image)
    except UnreadableMedia:
        return False
    again = meter.measures().motion[1:]
    return [frame.time for frame in found] == expected and bool(
        np.array_equal(again, motion[middle + 1 : middle + len(expected)])
    )
