"""What changes when a file does."""

from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path


def stamp_of(files: Iterable[Path], names: Iterable[str] | None = None) -> str:
    """Return a digest of the names, sizes and modification times of `files`.

    `names` are used instead of the files' own, where folders matter too.
    """
    files = list(files)
    digest = blake2b(digest_size=16)
    for path, name in zip(files, names or [file.name for file in files], strict=True):
        state = path.stat()
        digest.update(f"{name}\0{state.st_size}\0{state.st_mtime_ns}\0".encode())
    return digest.hexdigest()
