"""What changes when a file does."""

from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path


def file_stamp(path: Path) -> tuple[int, int]:
    """Return the size in bytes and the modification time in ns; -1 and -1 if there is no file.

    A link to nothing, or a file deleted since its folder was listed, is named when it is read.
    """
    try:
        state = path.stat()
    except OSError:
        return -1, -1
    return state.st_size, state.st_mtime_ns


def stamp_of(files: Iterable[Path], names: Iterable[str] | None = None) -> str:
    """Return a digest of the names, sizes and modification times of `files`.

    `names` are used instead of the files' own, where folders matter too.
    """
    files = list(files)
    digest = blake2b(digest_size=16)
    for path, name in zip(files, names or [file.name for file in files], strict=True):
        size, time_ns = file_stamp(path)
        digest.update(f"{name}\0{size}\0{time_ns}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()
