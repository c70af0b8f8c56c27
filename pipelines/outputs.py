"""The names of outputs, and the checks that nothing is lost by writing them.

An output never replaces an input, and replaces another file only with ``overwrite``.
"""

import contextlib
import os
import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path

from predictor.errors import OutputIsInput, SettingsError
from predictor.whole_files import (
    PARTIAL,
    is_same_file,
    require_free,
    require_free_folder,
    whole_file,
    whole_folder,
)

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
    inputs: Sequence[Path],
    output: Path | None = None,
    suffix: str | None = None,
    *,
    is_batch: bool | None = None,
    marker: str = MARKER,
    distinct_stems: bool = False,
) -> list[Path]:
    """Return where the result of each input goes, never the same place twice.

    Without `output` that is ``stem.predicted.ext`` beside the input. With it, it is that very file
    for one input, and a file in that folder for a batch or where it `means_folder`. `is_batch` is
    by default whether there are several inputs. `suffix` replaces the input's extension; folders of
    pictures become ``.mp4``.

    If two names would be equal in `output`, all outputs keep their subfolders below the inputs'
    common folder (``monday/clip.predicted.mp4``). Names that are still equal get the input's suffix
    (``clip-avi.predicted.gif``), and at last a number. With `distinct_stems`, names that differ
    only in their suffix count as equal, for outputs with files beside them
    (``clip.predicted.csv``).

    Raises `SettingsError` where `output` is to be the folder of a batch but is a file, or is named
    like one.
    """
    if is_batch is None:
        is_batch = len(inputs) > 1
    if output is not None and not is_batch and not means_folder(output, inputs[0]):
        return [output]
    if output is not None:
        require_folder_name(output)
    identity = _stem_identity if distinct_stems else _identity
    sources = [source.absolute() for source in inputs]
    names = [_name(source, suffix, marker) for source in sources]
    if output is None:
        paths = [source.parent / name for source, name in zip(sources, names, strict=True)]
    else:
        paths = [output / name for name in names]
        if len(set(map(identity, paths))) < len(paths):
            top = os.path.commonpath([source.parent for source in sources])
            paths = [
                output / source.parent.relative_to(top) / name
                for source, name in zip(sources, names, strict=True)
            ]
    uses = Counter(map(identity, paths))
    for number, (source, path) in enumerate(zip(sources, paths, strict=True)):
        if uses[identity(path)] > 1 and not os.path.isdir(source):
            stem = f"{source.stem}-{source.suffix.removeprefix('.')}".rstrip("-")
            paths[number] = path.with_name(f"{stem}{marker}{path.suffix}")
    return _numbered(paths, marker, identity)


def means_folder(output: Path, source: Path) -> bool:
    """Return whether `output` means a folder for the output of `source`, not that output itself.

    It does if it is a folder, or if nothing is there yet and its name has no suffix, unlike that
    of a file `source`.
    """
    if os.path.isdir(output):
        return True
    is_unlike = bool(source.suffix) or os.path.isdir(source)
    return not output.suffix and is_unlike and not os.path.lexists(output)


def require_folder_name(output: Path) -> None:
    """Raise `SettingsError` where `output`, the folder for several, is a file or named like one."""
    if os.path.isdir(output):
        return
    if os.path.lexists(output):
        raise SettingsError(f"-o {output} is a file, expected a folder for several inputs")
    from predictor.media.images import is_image_path, is_video_path

    if is_video_path(output) or is_image_path(output):
        raise SettingsError(
            f"-o {output} is named like a file, expected a folder for several inputs"
        )


def _name(source: Path, suffix: str | None, marker: str) -> str:
    is_folder = os.path.isdir(source)
    extension = suffix or (FOLDER_SUFFIX if is_folder else source.suffix)
    return f"{source.name if is_folder else source.stem}{marker}{extension}"


def _numbered(paths: list[Path], marker: str, identity: Callable[[Path], str]) -> list[Path]:
    """Return `paths` with ``-2``, ``-3``, … before the marker of those that are there already."""
    unique: dict[str, Path] = {}
    for path in paths:
        stem = path.name.removesuffix(path.suffix).removesuffix(marker)
        candidate = path
        for number in count(2):
            if identity(candidate) not in unique:
                break
            candidate = path.with_name(f"{stem}-{number}{marker}{path.suffix}")
        unique[identity(candidate)] = candidate
    return list(unique.values())


def _identity(path: Path) -> str:
    """Return a string that is equal for paths that may be one file where case is ignored."""
    return str(path.absolute()).casefold()


def _stem_identity(path: Path) -> str:
    return _identity(path.with_suffix(""))


def check_output(output: Path, inputs: Iterable[Path], overwrite: bool = False) -> None:
    """Raise if writing `output` would lose something.

    `OutputIsInput` where it is one of `inputs`, also through symbolic or hard links; `OutputExists`
    where it is there already without `overwrite`; `OutputNotWritten` where a folder has its name.
    """
    for source in inputs:
        if is_same_file(output, source):
            raise OutputIsInput(f"{output}: the output is the input {source}; choose another -o")
    require_free(output, overwrite)


def require_no_source(output: Path, sources: Container[str]) -> None:
    """Raise `OutputIsInput` where `output` is one of the inputs whose real paths are `sources`."""
    if os.path.realpath(output) in sources:
        raise OutputIsInput(f"{output}: the output is an input of this command; choose another -o")


def check_output_folder(folder: Path, inputs: Iterable[Path], overwrite: bool = False) -> None:
    """Raise if putting numbered images into `folder` would lose something.

    As `check_output`; an empty folder is free. A folder with anything but numbered PNGs in it is
    refused also with `overwrite`.
    """
    for source in inputs:
        if is_same_file(folder, source):
            raise OutputIsInput(
                f"{folder}: the output is the input {source}; choose another folder"
            )
    require_free_folder(folder, overwrite, _NUMBERED_IMAGE)


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
