"""One look at every photograph of a folder, remembered in a cache."""

import json
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, ClassVar

from predictor.data.file_tree import file_tree
from predictor.data.index_entries import updated_entries
from predictor.data.stamps import file_stamp
from predictor.errors import UnreadableImage, UnusableData
from predictor.media.images import image_size, is_image_path, read_pixels
from predictor.progress import Progress
from predictor.whole_files import write_whole

_VERSION = 1


@dataclass(frozen=True)
class IndexedPhoto:
    """One photograph."""

    name: str
    """Path relative to the indexed folder, with forward slashes."""

    stamp: tuple[int, int]
    """As `file_stamp` returns it."""

    size: tuple[int, int] | None
    """``(height, width)`` upright; None where it cannot be decoded."""

    reason: str | None = None
    """Why it cannot."""


@dataclass(frozen=True, eq=False)
class PhotoIndex:
    """All photographs of a folder, sorted by name, and what could not be used."""

    item: ClassVar[str] = "photograph"

    root: Path
    photos: tuple[IndexedPhoto, ...]
    skipped: tuple[tuple[str, str], ...] = ()
    """Name and reason of each photograph that is not among `photos`, sorted by name."""

    @property
    def names(self) -> list[str]:
        """Names of all photographs."""
        return [photo.name for photo in self.photos]

    @property
    def digest(self) -> str:
        """What changes with the names or the lengths of the files, not when they are moved."""
        digest = blake2b(digest_size=16)
        for photo in self.photos:
            digest.update(f"{photo.name}\0{photo.stamp[0]}\0".encode(errors="surrogateescape"))
        return digest.hexdigest()

    def path(self, photo: IndexedPhoto) -> Path:
        """Return where `photo` lies."""
        return self.root / photo.name

    def subset(self, names: set[str]) -> "PhotoIndex":
        """Return the index of only these photographs."""
        photos = tuple(photo for photo in self.photos if photo.name in names)
        return replace(self, photos=photos, skipped=())


def index_photos(
    folder: Path,
    cache: Path | None = None,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> PhotoIndex:
    """Return the index of every picture file in the tree under `folder`.

    Each is decoded once, at an eighth of its size, to see whether it can be. With `cache` (a
    ``.json`` file) those whose size and modification time are unchanged are taken from it, and it
    is brought up to date, also when indexing is interrupted. `workers` threads decode at once, by
    default one a core.

    Raises `UnusableData` if `folder` is missing or has no readable photograph, `OutputNotWritten`
    if the cache cannot be written.
    """
    if not folder.is_dir():
        raise UnusableData(f"{folder} is not a folder")
    tree = file_tree(folder)
    stamps = {name: file_stamp(folder / name) for name in tree.files if is_image_path(Path(name))}
    if not stamps:
        raise UnusableData(f"{folder} has no photograph in it")
    entries = updated_entries(
        stamps,
        _read(cache) if cache is not None else {},
        lambda name: _entry(folder, name, stamps[name]),
        _write,
        cache,
        workers=workers,
        progress=progress,
    )
    found = [entries[name] for name in sorted(entries)]
    photos = tuple(entry for entry in found if entry.size is not None)
    skipped = tuple((entry.name, entry.reason) for entry in found if entry.reason is not None)
    if not photos:
        name, reason = skipped[0]
        raise UnusableData(
            f"{folder} has no readable photograph: {len(skipped)} tried, the first is {name}: "
            f"{reason}"
        )
    return PhotoIndex(folder, photos, tuple(sorted((*skipped, *tree.skipped))))


def _entry(folder: Path, name: str, stamp: tuple[int, int]) -> IndexedPhoto:
    path = folder / name
    try:
        read_pixels(path, reduction=8)
        return IndexedPhoto(name, stamp, image_size(path))
    except UnreadableImage as error:
        return IndexedPhoto(name, stamp, None, str(error))


def _read(cache: Path) -> dict[str, IndexedPhoto]:
    """Return what the cache knows, by name; nothing if it is missing or not readable."""
    try:
        stored = json.loads(cache.read_text())
        if stored["version"] != _VERSION:
            return {}
        return {
            name: IndexedPhoto(name, tuple(stamp), None if size is None else tuple(size), reason)
            for name, stamp, size, reason in stored["photos"]
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _write(cache: Path, entries: dict[str, IndexedPhoto]) -> None:
    rows: list[list[Any]] = [[e.name, e.stamp, e.size, e.reason] for e in entries.values()]
    write_whole(cache, json.dumps({"version": _VERSION, "photos": rows}).encode())
