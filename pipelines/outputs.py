"""Names of outputs, and what is never written over.

An output never replaces an input, and never a file without ``overwrite``.
"""

import contextlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path

from predictor.errors import OutputExists, OutputIsInput, OutputNotWritten
from predictor.whole_files import PARTIAL, require_free, whole_file, whole_folder

MARKER = ".predicted"
FOLDER_SUFFIX = ".mp4"
"""The container for a clip that came as a folder of images."""

_NUMBERED_IMAGE = re.compile(r"\d{6,}\.png")


def is_output_name(path: Path) -> bool:
    """Return whether `path` is named like an output, finished or partial, of this tool.

    A folder given as input skips such files, so that a second run does not predict predictions.
    """
    return path.stem.endswith(MARKER) or path.suffix == PARTIAL


def output_paths(
    inputs: Sequence[Path], output: Path | None = None, suffix: str | None = None
) -> list[Path]:
    """Return where the result of each input goes, never the same place twice.

    Beside the input as ``stem.predicted.ext`` without `output`; with it, that very file for one
    input, a file in that folder for several or where the folder exists. `suffix` replaces the
    input's extension; folders of frames become ``.mp4``. Two inputs that would meet keep their
    whole name (``clip.avi.predicted.gif``), then their sub-folder, then take a number.
    """
    if output is not None and len(inputs) == 1 and not os.path.isdir(output):
        return [output]
    sources = [source.absolute() for source in inputs]
    top = Path(os.path.commonpath([source.parent for source in sources])) if sources else Path()
    chosen = [_candidate(source, output, suffix, top, detail=0) for source in sources]
    for detail in (1, 2):
        uses = Counter(_identity(path) for path in chosen)
        chosen = [
            _candidate(source, output, suffix, top, detail) if uses[_identity(path)] > 1 else path
            for source, path in zip(sources, chosen, strict=True)
        ]
    return _numbered(chosen)


def _candidate(
    source: Path, output: Path | None, suffix: str | None, top: Path, detail: int
) -> Path:
    is_folder = os.path.isdir(source)
    extension = suffix or (FOLDER_SUFFIX if is_folder else source.suffix)
    stem = source.name if is_folder or detail >= 1 else source.stem
    folder = source.parent if output is None else output
    if output is not None and detail >= 2:
        folder = output / source.parent.relative_to(top)
    return folder / f"{stem}{MARKER}{extension}"


def _numbered(paths: list[Path]) -> list[Path]:
    """Return `paths` with ``-2``, ``-3``, … before the marker of those that are there already."""
    unique: dict[str, Path] = {}
    for path in paths:
        stem = path.name.removesuffix(path.suffix).removesuffix(MARKER)
        candidate = path
        for number in count(2):
            if _identity(candidate) not in unique:
                break
            candidate = path.with_name(f"{stem}-{number}{MARKER}{path.suffix}")
        unique[_identity(candidate)] = candidate
    return list(unique.values())


def _identity(path: Path) -> str:
    """Return what two paths share where the file system ignores case."""
    return str(path.absolute()).casefold()


def check_output(output: Path, inputs: Iterable[Path], overwrite: bool = False) -> None:
    """Raise if writing `output` would lose something.

    `OutputIsInput` where it is one of `inputs`, also through symbolic or hard links; `OutputExists`
    where it is there already without `overwrite`; `OutputNotWritten` where a folder has its name.
    """
    for source in inputs:
        if _is_same_file(output, source):
            raise OutputIsInput(f"{output}: the output is the input {source}; choose another -o")
    require_free(output, overwrite)


def check_output_folder(folder: Path, inputs: Iterable[Path], overwrite: bool = False) -> None:
    """Raise if putting numbered images into `folder` would lose something.

    As `check_output`; an empty folder is free. A folder with anything but numbered PNGs in it is
    refused also with `overwrite`.
    """
    for source in inputs:
        if _is_same_file(folder, source):
            raise OutputIsInput(
                f"{folder}: the output is the input {source}; choose another folder"
            )
    if not os.path.lexists(folder):
        return
    if not os.path.isdir(folder):
        raise OutputNotWritten(f"{folder}: is a file, expected the name of a folder")
    names = [entry.name for entry in folder.iterdir()]
    others = [name for name in names if not _NUMBERED_IMAGE.fullmatch(name)]
    if others:
        raise OutputExists(f"{folder}: holds other files ({min(others)}); choose another folder")
    if names and not overwrite:
        raise OutputExists(f"{folder}: holds images already; --overwrite replaces them")


def _is_same_file(first: Path, second: Path) -> bool:
    if os.path.exists(first) and os.path.exists(second):
        return os.path.samefile(first, second)
    return os.path.realpath(first) == os.path.realpath(second)


@contextlib.contextmanager
def atomic_output(path: Path, overwrite: bool = False) -> Iterator[Path]:
    """Yield a ``.partial`` path that becomes `path` when the block ends without an exception.

    As `whole_file`; raises `OutputExists` without `overwrite` also where another program wrote
    `path` meanwhile.
    """
    require_free(path, overwrite)
    with whole_file(path, reads_too=True) as partial:
        yield partial
        require_free(path, overwrite)


@contextlib.contextmanager
def atomic_output_folder(folder: Path, overwrite: bool = False) -> Iterator[Path]:
    """Yield an empty ``.partial`` folder that becomes `folder` when the block ends well.

    As `whole_folder`, for numbered images; raises as `check_output_folder`.
    """
    check_output_folder(folder, (), overwrite)
    with whole_folder(folder, reads_too=True) as partial:
        yield partial
        check_output_folder(folder, (), overwrite)
