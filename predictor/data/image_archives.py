"""Tar archives of pictures, read where they are: nothing is unpacked to the disk."""

import lzma
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from predictor.data.cifar_batches import cifar_batches, is_cifar, is_lone_batch
from predictor.data.image_folders import collected, common_folder
from predictor.data.image_parts import ImageCollection
from predictor.data.stamps import stamp_of
from predictor.errors import UnreadableImage, UnusableData
from predictor.media.images import is_image_path

ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2")

_DAMAGE = (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError)


def archived_images(path: Path) -> ImageCollection:
    """Return the pictures in a tar archive, sorted into parts and classes as those of a folder.

    A folder that everything lies in is no class; hidden files and folders are left out. An archive
    of CIFAR's binary batches is read as those. Raises `UnusableData` for an archive that is cut
    short or damaged, or has no picture.
    """
    files, folders = [], []
    for member in _members(path):
        name = _name(member)
        if _is_hidden(name):
            continue
        if member.isdir():
            folders.append(name)
        elif member.isfile():
            files.append(name)
    names = [name for name in files if is_image_path(Path(name))]
    if is_cifar(path, files) or (is_lone_batch(files) and not names):
        return cifar_batches(path, files, lambda name: _content(path, name), stamp_of([path]))
    top = common_folder(names)
    within = [name.removeprefix(top) for name in names]

    def contents(wanted: Sequence[str]) -> Iterator[bytes | UnreadableImage]:
        return _contents(path, [f"{top}{name}" for name in wanted])

    below = [name.removeprefix(top) for name in folders if name.startswith(top)]
    # Of the names too: pictures that were kept when others of them counted are not those of today.
    return collected(path, within, below, contents, stamp_of([path], ["\0".join(within)]))


def _name(member: tarfile.TarInfo) -> str:
    """Return the path without the ``./`` that ``tar -C FOLDER .`` puts before each."""
    return PurePosixPath(member.name).as_posix()


def _is_hidden(name: str) -> bool:
    """Return whether a part of the path starts with a dot, as that of the archived folder does."""
    return any(part.startswith(".") and part != ".." for part in name.split("/"))


def _content(path: Path, name: str) -> bytes:
    (content,) = _contents(path, [name])
    return content


def _members(path: Path) -> Iterator[tarfile.TarInfo]:
    try:
        with tarfile.open(path, "r|*") as archive:
            yield from archive
    except _DAMAGE as error:
        raise UnusableData(f"{path} is damaged, cut short or no tar archive: {error}") from error


def _contents(path: Path, wanted: Sequence[str]) -> Iterator[bytes]:
    """Yield the content of the files `wanted`, which are in the order of the archive."""
    remaining = iter(wanted)
    name = next(remaining, None)
    try:
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                if member.isfile() and _name(member) == name:
                    file = archive.extractfile(member)
                    assert file is not None
                    yield file.read()
                    name = next(remaining, None)
                    if name is None:
                        return
    except _DAMAGE as error:
        raise UnusableData(f"{path} is damaged or cut short: {error}") from error
    if name is not None:
        raise UnusableData(f"{path} has changed: {name} is not where it was")
