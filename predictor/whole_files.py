"""Files and folders that appear whole or not at all.

Each is written beside its place under its name and ``.partial``, put on the disk and renamed. What
the file system refuses is said with the name that was asked for.
"""

import contextlib
import errno
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from predictor.errors import OutputExists, OutputNotWritten, PredictorError

PARTIAL = ".partial"

_REFUSALS = {
    errno.ENOSPC: "no space left on the device",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file is larger than allowed here",
    errno.EROFS: "the file system is read-only",
    errno.ENOENT: "its folder is not there or takes no files",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ENAMETOOLONG: "the file name is too long",
    errno.ENOTDIR: "a part of its path is a file, not a folder",
    errno.EEXIST: "a part of its path is a file, not a folder",
    errno.EISDIR: "a folder has its name",
    errno.EIO: "the device reports an input/output error",
}
_ONLY_FROM_WRITING = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}


def require_free(path: Path, overwrite: bool) -> None:
    """Raise if writing the file `path` would lose something.

    `OutputExists` where it is there already, a dangling link too, without `overwrite`;
    `OutputNotWritten` where a folder has its name.
    """
    if os.path.isdir(path):
        raise OutputNotWritten(f"{path}: is a folder, expected the name of a file")
    if not overwrite and os.path.lexists(path):
        raise OutputExists(f"{path}: exists already; --overwrite replaces it")


def require_free_folder(folder: Path, overwrite: bool, replaceable: re.Pattern[str]) -> None:
    """Raise if a new folder in the place of `folder` would lose something.

    What is in it may be replaced with `overwrite` if the path of everything there, relative to it,
    matches `replaceable`; an empty folder is free. Raises `OutputExists`, and `OutputNotWritten`
    where a file has its name.
    """
    if not os.path.lexists(folder):
        return
    if not os.path.isdir(folder):
        raise OutputNotWritten(f"{folder}: is a file, expected the name of a folder")
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*")]
    above = {name.rpartition("/")[0] for name in names}
    others = [n for n in names if n not in above and not replaceable.fullmatch(n)]
    if others:
        raise OutputExists(f"{folder}: holds other files ({min(others)}); choose another folder")
    if names and not overwrite:
        raise OutputExists(f"{folder}: holds images already; --overwrite replaces them")


@contextlib.contextmanager
def whole_file(path: Path, *, reads_too: bool = False) -> Iterator[Path]:
    """Yield the ``.partial`` file that becomes `path` when the block ends without an exception.

    It is there and empty, its folder made if missing; on any exception it is removed and what was
    at `path` stays. An `OSError` becomes `OutputNotWritten`; with `reads_too` only one that cannot
    come from reading other files in the block.
    """
    partial = path.with_name(path.name + PARTIAL)
    with _refusals_named(path, partial, reads_too):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.touch()
            yield partial
            _sync(partial)
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def write_whole(path: Path, content: bytes) -> None:
    """Write `path` in one step, and its folder if needed. Raises `OutputNotWritten`."""
    with whole_file(path) as partial:
        partial.write_bytes(content)


@contextlib.contextmanager
def whole_folder(folder: Path, *, reads_too: bool = False) -> Iterator[Path]:
    """Yield an empty ``.partial`` folder that takes the place of `folder` when the block ends well.

    As `whole_file`; an older folder is deleted only after the new one stands there.
    """
    partial = folder.with_name(folder.name + PARTIAL)
    with _refusals_named(folder, partial, reads_too):
        shutil.rmtree(partial, ignore_errors=True)
        try:
            partial.mkdir(parents=True)
            yield partial
            for path in sorted(partial.rglob("*")):
                (_sync_folder if path.is_dir() else _sync)(path)
            _sync_folder(partial)
            if os.path.isdir(folder):
                _swap(partial, folder)
            else:
                partial.rename(folder)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        _sync_folder(folder.parent)


def _swap(partial: Path, folder: Path) -> None:
    older = folder.with_name(f"{folder.name}.older{PARTIAL}")
    folder.rename(older)
    try:
        partial.rename(folder)
    except BaseException:
        older.rename(folder)
        raise
    shutil.rmtree(older)


@contextlib.contextmanager
def _refusals_named(path: Path, partial: Path, reads_too: bool) -> Iterator[None]:
    try:
        yield
    except OutputNotWritten as error:  # nobody asked for a file of the partial's name
        if str(partial) not in str(error):
            raise
        raise OutputNotWritten(str(error).replace(str(partial), str(path))) from error
    except PredictorError:  # some are an OSError too, and say all that is to be said
        raise
    except OSError as error:
        named = Path(error.filename) if isinstance(error.filename, str) else None
        is_ours = named is not None and (named == partial or partial in named.parents)
        is_ours = is_ours or named == path or named in path.parents
        if reads_too and not is_ours and error.errno not in _ONLY_FROM_WRITING:
            raise
        reason = _REFUSALS.get(error.errno or 0, error.strerror or str(error))
        raise OutputNotWritten(f"{path}: not written: {reason}") from error


def _sync(path: Path) -> None:
    """Wait until the file `path` is on the disk."""
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    """Wait until the names in `folder` are on the disk, where the file system can do that."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
