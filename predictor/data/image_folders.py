"""Pictures in files: class folders, official parts, or all in one place; also inside an archive.

``DATA/train/cat/1.png`` is a picture of class ``cat`` in the part ``train``; the parts are
``train``, ``val`` and ``test``, also in capitals; without a folder ``train`` everything is trained
on, unless there is nothing but ``val`` and ``test``, which are for measuring. A part in which every
picture lies in a folder is labelled, by the first folder below it: classes are sorted by name, or
where all names are numbers by those. A part with a picture of its own is not labelled.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from predictor.data.file_tree import FileTree, file_tree
from predictor.data.image_parts import (
    PARTS,
    TRAIN,
    Channels,
    ImageCollection,
    ImagePart,
    Pixels,
    part_folders,
)
from predictor.data.stamps import stamp_of
from predictor.data.threads import in_threads
from predictor.errors import UnreadableImage, UnusableData
from predictor.media.images import has_transparency, is_image_path, small_picture
from predictor.wording import counted

_logger = logging.getLogger(__name__)

ReadBytes = Callable[[Sequence[str]], Iterator[bytes | UnreadableImage]]
"""The content of the files of these names, in their order."""

# fmt: off
_KINDS_NOT_READ = frozenset({
    ".gif", ".jxl", ".ico", ".psd", ".svg", ".exr", ".hdr",
    ".dng", ".cr2", ".nef", ".arw", ".raw",
})
# fmt: on
"""Suffixes of pictures that small pictures are not read from; GIF counts as video."""

_AT_ONCE = 256
"""Files read before their pictures are decoded in threads."""


def images_in_folder(folder: Path, without: Path | None = None) -> ImageCollection:
    """Return the pictures in the tree under `folder`; hidden files and folders are left out.

    So is the folder `without`. Raises `UnusableData` if there is none.
    """
    tree = file_tree(folder, without)
    names = _pictures(folder, tree)
    found = collected(folder, names, tree.folders, _contents_of(folder), _stamp(folder, names))
    return replace(found, skipped=(*found.skipped, *_left_out(folder, tree)))


def every_picture(folder: Path, names: Sequence[str] | None = None) -> ImageCollection:
    """Return the pictures `names` in `folder`, or all in its tree by their paths, as one part.

    Folders in it are neither classes nor parts. Raises `UnusableData` if there is no picture.
    """
    skipped: tuple[str, ...] = ()
    if names is None:
        tree = file_tree(folder)
        names, skipped = _pictures(folder, tree), _left_out(folder, tree)
    if not names:
        raise UnusableData(f"{folder} has no picture in it")
    part = _part(folder, "", names, None, _contents_of(folder))
    return ImageCollection(folder, {TRAIN: part}, _stamp(folder, names), skipped=skipped)


def _pictures(folder: Path, tree: FileTree) -> list[str]:
    names = [name for name in tree.files if is_image_path(Path(name))]
    if not names and (others := _not_read(tree)):
        raise UnusableData(f"{folder} has no picture in it that is read: it has {others}")
    return names


def _left_out(folder: Path, tree: FileTree) -> tuple[str, ...]:
    lines = [f"{folder / name} {reason}" for name, reason in tree.skipped]
    if others := _not_read(tree):
        lines.append(f"{folder} has {others}, which are not read")
    return tuple(lines)


def _not_read(tree: FileTree) -> str:
    """Return how many pictures of other kinds there are: ``2 .gif, 40 .heic``; often nothing."""
    kinds = Counter(Path(name).suffix.lower() for name in tree.files)
    return ", ".join(f"{kinds[kind]:,} {kind}" for kind in sorted(kinds) if kind in _KINDS_NOT_READ)


def _stamp(folder: Path, names: Sequence[str]) -> str:
    return stamp_of([folder / name for name in names], names)


def _contents_of(folder: Path) -> ReadBytes:
    def contents(wanted: Sequence[str]) -> Iterator[bytes | UnreadableImage]:
        for name in wanted:
            try:
                yield (folder / name).read_bytes()
            except OSError as error:
                yield UnreadableImage(f"{folder / name} cannot be read: {error.strerror}")

    return contents


def collected(
    path: Path, names: Sequence[str], folders: Sequence[str], contents: ReadBytes, stamp: str
) -> ImageCollection:
    """Return the collection of the picture files `names`, sorted into parts and classes.

    Each part keeps their order. `folders` are those that the names may lie in, to see which are
    empty. Raises `UnusableData` if there is no name.
    """
    if not names:
        raise UnusableData(f"{path} has no picture in it")
    tops = {name.split("/")[0] for name in names if "/" in name}
    prefixes = {part: f"{folder}/" for part, folder in part_folders(path, tops).items()}
    if TRAIN not in prefixes and not all(
        name.startswith(tuple(prefixes.values())) for name in names
    ):
        prefixes = {TRAIN: ""}
    below = {
        part: [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
        for part, prefix in prefixes.items()
    }
    used = {
        part: {name.split("/")[0] for name in pictures}
        for part, pictures in below.items()
        if all("/" in name for name in pictures)
    }
    class_names = _in_order(set().union(*used.values())) if used else None
    parts = {
        part: _part(path, prefix, below[part], class_names if part in used else None, contents)
        for part, prefix in prefixes.items()
    }
    empty = [
        f"{prefixes[part]}{name}"
        for part, classes in used.items()
        for name in _class_folders(folders, prefixes[part])
        if name not in classes
    ]
    unused = [name for name in names if not name.startswith(tuple(prefixes.values()))]
    skipped = _lines_on_unused(path, unused, prefixes.get(TRAIN, ""))
    return ImageCollection(
        path,
        parts,
        stamp,
        None if class_names is None else tuple(map(_as_text, class_names)),
        tuple(empty),
        skipped,
    )


def _lines_on_unused(path: Path, names: Sequence[str], train: str) -> tuple[str, ...]:
    """Return a line for each folder directly in `path` on the pictures beside the part `train`."""
    by_folder: dict[str, list[str]] = {}
    for name in sorted(names):
        folder = name.split("/")[0] if "/" in name else ""
        by_folder.setdefault(folder, []).append(name)
    return tuple(
        f"{path / found[0]}{_and_others(found, folder)} beside {train}, not in it"
        for folder, found in by_folder.items()
    )


def _and_others(names: Sequence[str], folder: str) -> str:
    if len(names) == 1:
        return " lies"
    where = f" in {folder}/" if folder else ""
    return f" and {counted(len(names) - 1, 'other')}{where} lie"


def _in_order(class_names: set[str]) -> tuple[str, ...]:
    """Return the names sorted; numbers by their value, so that class 10 follows class 9."""
    if all(name.isascii() and name.isdigit() for name in class_names):
        return tuple(sorted(class_names, key=lambda name: (int(name), name)))
    return tuple(sorted(class_names))


def _as_text(name: str) -> str:
    """Return a name with a sign for each byte in it that is no text; different ones stay so."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _class_folders(folders: Sequence[str], prefix: str) -> list[str]:
    below = [name.removeprefix(prefix) for name in folders if name.startswith(prefix)]
    return sorted(name for name in below if name and "/" not in name)


def _part(
    path: Path,
    prefix: str,
    below: Sequence[str],
    class_names: tuple[str, ...] | None,
    contents: ReadBytes,
) -> ImagePart:
    names = [f"{prefix}{name}" for name in below]
    labels = None
    if class_names is not None:
        number = {name: label for label, name in enumerate(class_names)}
        labels = np.array([number[name.split("/")[0]] for name in below], dtype=np.int64)

    def pictures(channels: Channels) -> Iterator[Pixels | UnreadableImage]:
        transparent: list[str] = []

        def decoded(item: tuple[str, bytes | UnreadableImage]) -> Pixels | UnreadableImage:
            name, content = item
            if isinstance(content, UnreadableImage):
                return content
            try:
                picture = small_picture(content, path / name, channels)
            except UnreadableImage as error:
                return error
            if has_transparency(content):
                transparent.append(name)
            return picture

        waiting: list[tuple[str, bytes | UnreadableImage]] = []
        for item in zip(names, contents(names), strict=True):
            waiting.append(item)
            if len(waiting) == _AT_ONCE:
                yield from in_threads(decoded, waiting)
                waiting = []
        yield from in_threads(decoded, waiting)
        if transparent:
            others = f" and {len(transparent) - 1} others" if len(transparent) > 1 else ""
            _logger.warning(
                "%s%s: transparency is dropped, and the colours below it are seen",
                min(transparent),
                others,
            )

    return ImagePart(names, labels, pictures)


def common_folder(names: Sequence[str]) -> str:
    """Return the folder, with its slash, that all `names` lie in, as most archives have one.

    Never that of a part; empty where there is none.
    """
    tops = {name.split("/")[0] if "/" in name else "" for name in names}
    top = tops.pop() if len(tops) == 1 else ""
    deep = all(len(PurePosixPath(name).parts) > 2 for name in names)
    return f"{top}/" if top.lower() not in ("", *PARTS) and deep else ""
