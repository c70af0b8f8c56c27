"""What is known about every video in a folder before any of it is used for training."""

import json
import os
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.data.footage import frame_paths, grey_frames
from predictor.data.shots import ShotMeter
from predictor.errors import OutputNotWritten, UnreadableMedia, UnusableData
from predictor.media.images import is_image_path, is_video_path

CACHE_VERSION = 1

Progress = Callable[[int, int, str], None]
"""Called with the number of videos done, the number of all, and the name of the last."""

_ARRAYS = ("timestamps", "keyframes", "motion", "cuts", "repeats")


@dataclass(frozen=True, eq=False)
class IndexedVideo:
    """One readable video file or folder of frames; frames count in order of presentation."""

    name: str
    """Path relative to the indexed folder, with forward slashes; "." is the folder itself."""

    size: tuple[int, int]
    """``(height, width)`` as displayed."""

    time_base: Fraction
    timestamps: NDArray[np.int64]
    """Presentation time of every frame in units of `time_base`."""

    keyframes: NDArray[np.int64]
    """Numbers of the frames where decoding can start; the first is 0."""

    motion: NDArray[np.float32]
    """Mean absolute grey difference to the frame before, full scale 1; see `shots`."""

    cuts: NDArray[np.int64]
    """Numbers of the frames that begin a new shot, ascending."""

    repeats: NDArray[np.int64]
    """Numbers of the frames that show the one before again while the video moves, ascending."""

    truncated: str | None = None
    """What ended decoding early, where only the beginning of a file is readable."""

    @property
    def frame_count(self) -> int:
        """Number of frames that can be decoded."""
        return len(self.timestamps)

    @property
    def interval_s(self) -> float:
        """Median time between frames in seconds; 0 for a single frame."""
        if self.frame_count < 2:
            return 0.0
        return float(np.median(np.diff(self.timestamps)) * self.time_base)

    @property
    def rate_hz(self) -> float:
        """Frames per second, by the median interval; 0 for a single frame."""
        return 1 / self.interval_s if self.interval_s > 0 else 0.0

    @property
    def duration_s(self) -> float:
        """Seconds from the first frame to the end of the last, in frames of the usual length."""
        if self.frame_count < 2:
            return 0.0
        span = int(self.timestamps[-1] - self.timestamps[0])
        return float(span * self.time_base) + self.interval_s


@dataclass(frozen=True, eq=False)
class VideoIndex:
    """All videos of a folder, sorted by name, and what could not be used."""

    root: Path
    videos: tuple[IndexedVideo, ...]
    skipped: tuple[tuple[str, str], ...] = ()
    """Name and reason of each video that is not among `videos`, sorted by name."""

    def path(self, video: IndexedVideo) -> Path:
        """Return where `video` lies."""
        return self.root / video.name

    def subset(self, names: set[str]) -> "VideoIndex":
        """Return the index of only these videos."""
        return VideoIndex(self.root, tuple(v for v in self.videos if v.name in names))


def index_videos(
    folder: Path,
    cache: Path | None = None,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> VideoIndex:
    """Return the index of every video file and folder of frames in the tree under `folder`.

    Each is decoded once. With `cache` (an ``.npz`` file, no pickle inside) videos whose size and
    modification time are unchanged are taken from it, and it is brought up to date. `workers`
    threads decode at once, by default one a core.

    Raises `UnusableData` if `folder` is missing or has no readable video, `OutputNotWritten` if
    the cache cannot be written.
    """
    if not folder.is_dir():
        raise UnusableData(f"{folder} is not a folder")
    names = _names(folder)
    if not names:
        raise UnusableData(f"{folder} has no video and no folder of frames in it")
    stamps = {name: _stamp(folder / name) for name in names}
    known = _read_cache(cache) if cache is not None else {}
    entries: dict[str, IndexedVideo | str] = {
        name: known[name][1] for name in names if name in known and known[name][0] == stamps[name]
    }
    missing = [name for name in names if name not in entries]
    done = len(entries)
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        for name, entry in zip(
            missing, pool.map(lambda name: _entry(folder, name), missing), strict=True
        ):
            entries[name] = entry
            done += 1
            if progress is not None:
                progress(done, len(names), name)
    if cache is not None and missing:
        _write_cache(cache, stamps, entries)
    videos = tuple(e for _, e in sorted(entries.items()) if isinstance(e, IndexedVideo))
    skipped = tuple((name, e) for name, e in sorted(entries.items()) if isinstance(e, str))
    if not videos:
        name, reason = skipped[0]
        raise UnusableData(
            f"{folder} has no readable video: {len(skipped)} tried, the first is {name}: {reason}"
        )
    return VideoIndex(folder, videos, skipped)


def _names(folder: Path) -> list[str]:
    """Return the relative paths of all video files and folders of two or more images, sorted."""
    names = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        here = Path(parent).relative_to(folder)
        paths = [here / name for name in files if not name.startswith(".")]
        names += [path.as_posix() for path in paths if is_video_path(path)]
        if sum(map(is_image_path, paths)) > 1:
            names.append(here.as_posix())
    return sorted(names)


def _stamp(path: Path) -> list[int]:
    """Return numbers that change when the video does: files, bytes, last modification in ns."""
    files = frame_paths(path) if path.is_dir() else [path]
    states = [file.stat() for file in files]
    return [len(files), sum(s.st_size for s in states), max(s.st_mtime_ns for s in states)]


def _entry(folder: Path, name: str) -> IndexedVideo | str:
    """Return what is to know about one video, or why it cannot be used."""
    meter = ShotMeter()
    timestamps: list[int] = []
    keyframes: list[int] = []
    size, time_base, truncated = (0, 0), Fraction(1), None
    try:
        for frame in grey_frames(folder / name):
            if timestamps and frame.size != size:
                truncated = f"the size changes from {size} to {frame.size}"
                break
            if timestamps and frame.timestamp <= timestamps[-1]:
                truncated = "the timestamps do not ascend"
                break
            size, time_base = frame.size, frame.time_base
            if frame.is_keyframe:
                keyframes.append(len(timestamps))
            timestamps.append(frame.timestamp)
            meter.add(frame.grey)
    except UnreadableMedia as error:
        truncated = str(error)
        if not timestamps:
            return truncated
    if not timestamps:
        return "no frame in it"
    measures = meter.measures()
    return IndexedVideo(
        name=name,
        size=size,
        time_base=time_base,
        timestamps=np.asarray(timestamps, dtype=np.int64),
        keyframes=np.unique(np.asarray([0, *keyframes], dtype=np.int64)),
        motion=measures.motion,
        cuts=measures.cuts,
        repeats=measures.repeats,
        truncated=truncated,
    )


def _read_cache(cache: Path) -> dict[str, tuple[list[int], IndexedVideo | str]]:
    """Return what the cache knows, by name; nothing if it is missing or not readable."""
    try:
        with np.load(cache, allow_pickle=False) as stored:
            described = json.loads(str(stored["description"]))
            arrays = {name: stored[name] for name in _ARRAYS}
            lengths = {name: stored[f"{name}_lengths"] for name in _ARRAYS}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return {}
    if described["version"] != CACHE_VERSION:
        return {}
    parts = {
        name: np.split(arrays[name], np.cumsum(lengths[name])[:-1].tolist()) for name in _ARRAYS
    }
    known: dict[str, tuple[list[int], IndexedVideo | str]] = {
        name: (stamp, reason) for name, stamp, reason in described["skipped"]
    }
    for number, row in enumerate(described["videos"]):
        known[row["name"]] = (
            row["stamp"],
            IndexedVideo(
                name=row["name"],
                size=(row["size"][0], row["size"][1]),
                time_base=Fraction(row["time_base"]),
                truncated=row["truncated"],
                **{name: parts[name][number] for name in _ARRAYS},
            ),
        )
    return known


def _write_cache(
    cache: Path, stamps: Mapping[str, list[int]], entries: Mapping[str, IndexedVideo | str]
) -> None:
    videos = [entry for entry in entries.values() if isinstance(entry, IndexedVideo)]
    described: dict[str, Any] = {
        "version": CACHE_VERSION,
        "videos": [
            {
                "name": video.name,
                "stamp": stamps[video.name],
                "size": video.size,
                "time_base": str(video.time_base),
                "truncated": video.truncated,
            }
            for video in videos
        ],
        "skipped": [[n, stamps[n], e] for n, e in entries.items() if isinstance(e, str)],
    }
    arrays: dict[str, NDArray[Any]] = {"description": np.asarray(json.dumps(described))}
    for name in _ARRAYS:
        parts = [getattr(video, name) for video in videos]
        arrays[name] = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
        arrays[f"{name}_lengths"] = np.asarray([len(part) for part in parts], dtype=np.int64)
    partial = cache.with_name(cache.name + ".partial")
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        partial.replace(cache)
    except OSError as error:
        raise OutputNotWritten(f"{cache}: the index cannot be written: {error}") from error
