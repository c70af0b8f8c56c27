"""The index of a folder as one file, so that its videos are decoded once."""

import json
import zipfile
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from predictor.data.video_index import IndexedVideo
from predictor.whole_files import whole_file

_VERSION = 3
_ARRAYS = ("timestamps", "motion", "cuts", "repeats")


class SkippedVideo(NamedTuple):
    """A video that cannot be used."""

    name: str
    stamp: tuple[int, int, int]
    """As that of `IndexedVideo`."""

    reason: str


Entries = dict[str, IndexedVideo | SkippedVideo]
"""What is known of each video, by name."""


def read_cache(cache: Path) -> Entries:
    """Return what the cache knows, by name; nothing if it is missing or not readable."""
    try:
        with np.load(cache, allow_pickle=False) as stored:
            described = json.loads(str(stored["description"]))
            if described["version"] != _VERSION:
                return {}
            parts = {name: _parts(stored, name) for name in _ARRAYS}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return {}
    known: Entries = {
        name: SkippedVideo(name, tuple(stamp), reason)
        for name, stamp, reason in described["skipped"]
    }
    for number, row in enumerate(described["videos"]):
        known[row["name"]] = IndexedVideo(
            name=row["name"],
            size=tuple(row["size"]),
            time_base=Fraction(row["time_base"]),
            stamp=tuple(row["stamp"]),
            can_seek=row["can_seek"],
            truncated=row["truncated"],
            **{name: parts[name][number] for name in _ARRAYS},
        )
    return known


def _parts(stored: Mapping[str, NDArray[Any]], name: str) -> list[NDArray[Any]]:
    ends = np.cumsum(stored[f"{name}_lengths"])
    return np.split(stored[name], ends[:-1].tolist())


def write_cache(cache: Path, entries: Entries) -> None:
    """Replace the cache; raises `OutputNotWritten` where that is not possible."""
    videos = [entry for entry in entries.values() if isinstance(entry, IndexedVideo)]
    described: dict[str, Any] = {
        "version": _VERSION,
        "videos": [
            {
                "name": video.name,
                "stamp": video.stamp,
                "size": video.size,
                "time_base": str(video.time_base),
                "can_seek": video.can_seek,
                "truncated": video.truncated,
            }
            for video in videos
        ],
        "skipped": [
            [entry.name, entry.stamp, entry.reason]
            for entry in entries.values()
            if isinstance(entry, SkippedVideo)
        ],
    }
    arrays: dict[str, NDArray[Any]] = {"description": np.asarray(json.dumps(described))}
    for name in _ARRAYS:
        parts = [getattr(video, name) for video in videos]
        arrays[name] = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
        arrays[f"{name}_lengths"] = np.asarray([len(part) for part in parts], dtype=np.int64)
    with whole_file(cache) as partial, partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
