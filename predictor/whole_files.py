"""Files and folders that appear complete or not at all.

Each is written beside its place under its name and ``.partial``, synced to the disk and renamed.
Errors of the file system name the output that was asked for.
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
# errors that reading a file cannot cause
_ONLY_FROM_WRITING = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}


def refusal_of(error: OSError) -> str:
    """Return why the system would not write, in a few words."""
    return _REFUSALS.get(error.errno or 0, error.strerror or str(error))


def require_free(path: Path, overwrite: bool) -> None:
    """Raise if the file `path` cannot be written without losing something.

    Raises `OutputNotWritten` if it is a folder, and without `overwrite` `OutputExists` if it
    exists, also as a dangling link.
    """
    if os.path.isdir(path):
        raise OutputNotWritten(f"{path}: is a folder, expected the name of a file")
    if not overwrite and os.path.lexists(path):
        raise OutputExists(f"{path}: exists already; --overwrite replaces it")


def require_free_folder(folder: Path, overwrite: bool, replaceable: re.Pattern[str]) -> None:
    """Raise if a new folder cannot take the place of `folder` without losing something.

    An empty folder may be replaced, and with `overwrite` one in which the relative path of every
    file matches `replaceable`. Raises `OutputExists` otherwise, and `OutputNotWritten` if it is a
    file.
    """
    if not os.path.lexists(folder):
        return
    if not os.path.isdir(folder):
        raise OutputNotWritten(f"{folder}: is a file, expected the name of a folder")
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*")]
    parents = {name.rpartition("/")[0] for name in names}
    others = [n for n in names if n not in parents and not replaceable.fullmatch(n)]
    if others:
        raise OutputExists(f"{folder}: holds other files ({min(others)}); choose another folder")
    if names and not overwrite:
        raise OutputExists(f"{folder}: holds images already; --overwrite replaces them")


def is_same_file(first: Path, second: Path) -> bool:
    """Return whether two paths lead to one place, through links too; neither need be there."""
    if os.path.exists(first) and os.path.exists(second):
        return os.path.samefile(first, second)
    return os.path.realpath(first) == os.path.realpath(second)


@contextlib.contextmanager
def whole_file(path: Path, *, reads_too: bool = False) -> Iterator[Path]:
    """Yield an empty ``.partial`` file that becomes `path` if the block raises no exception.

    Its folder is made if missing. On any exception the partial file is removed, and what was at
    `path` stays. An `OSError` in the block becomes `OutputNotWritten`; with `reads_too`, for a
    block that also reads other files, only one that does not come from reading them.
    """
    partial = path.with_name(path.name + PARTIAL)
    with _refusals_named(path, partial, reads_too):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.unlink(missing_ok=True)  # left by a kill; perhaps a second name of another file
            partial.touch()
            yield partial
            _sync(partial)
            partial.replace(path)
            partial.unlink(missing_ok=True)  # still there where both were names of one file
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def write_whole(path: Path, content: bytes) -> None:
    """Write `path` atomically, and its folder if needed. Raises `OutputNotWritten`."""
    with whole_file(path) as partial:
        partial.write_bytes(content)


@contextlib.contextmanager
def whole_folder(folder: Path, *, reads_too: bool = False) -> Iterator[Path]:
    """Yield an empty ``.partial`` folder that replaces `folder` when the block ends well.

    Errors are those of `whole_file`. An older folder is deleted only once the new one is in place.
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
    """Put `partial` in the place of the existing `folder`, which comes back if that fails."""
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
    """Turn an `OSError` into an `OutputNotWritten` that names `path` and never `partial`."""
    try:
        yield
    except OutputNotWritten as error:
        if str(partial) not in str(error):
            raise
        raise OutputNotWritten(str(error).replace(str(partial), str(path))) from error
    except PredictorError:  # some are an OSError too, with a message of their own
        raise
    except OSError as error:
        named = Path(error.filename) if isinstance(error.filename, str) else None
        is_ours = named is not None and (named == partial or partial in named.parents)
        is_ours = is_ours or named == path or named in path.parents
        if reads_too and not is_ours and error.errno not in _ONLY_FROM_WRITING:
            raise
        raise OutputNotWritten(f"{path}: not written: {refusal_of(error)}") from error


def _sync(path: Path) -> None:
    """Wait until the file `path` is on the disk."""
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    """Wait until the entries of `folder` are on the disk, where the file system supports that."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
