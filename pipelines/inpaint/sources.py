"""Find the photographs and videos that the arguments of a command mean, folder by folder.

No folder is listed before it is reached, so memory depends on the largest folder alone.
"""

import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.other_files import OtherFiles
from pipelines.outputs import (
    means_folder,
    output_paths,
    require_folder_name,
    require_no_source,
)
from predictor.errors import OutputIsInput, PredictorError, SettingsError, UnreadableImage
from predictor.media.images import IMAGE_SUFFIXES, is_video_path
from predictor.whole_files import PARTIAL, is_same_file

MARKER = ".filled"
MANIFEST = "inpaint.jsonl"
"""The manifest's name. A folder that holds one has outputs in it, and is skipped unless named."""

PREVIEW = "preview.png"
"""How the name of a preview sheet ends."""

SUFFIXES = IMAGE_SUFFIXES | {".gif", ".apng"}
"""Suffixes of photographs in folders; a file that is named itself is tried whatever its suffix."""

_NUMBERED = re.compile(r"-\d+$")


@dataclass(frozen=True)
class Source:
    """One photograph or video, and where its result goes."""

    path: Path
    relative: Path
    """Its place below the folder that was named: where a folder of masks has its mask."""
    output: Path
    error: PredictorError | None = None
    """Why there is nothing at `path`."""

    @property
    def is_video(self) -> bool:
        """Whether it is a video by its name; GIFs and APNGs are pictures."""
        return _is_video(self.path)


@dataclass
class Sources:
    """What was named: files and folders, in that order."""

    names: tuple[Path, ...]
    output: Path | None
    """The file or folder of ``-o``."""
    left_out: tuple[Path, ...] = ()
    """Folders and files below the inputs that are not inputs themselves: the masks."""
    suffix: str | None = None
    """The suffix of all outputs, if a format was asked for; None keeps those of the inputs."""
    others: OtherFiles = field(default_factory=OtherFiles)
    """Files seen in folders that are no pictures, and are left alone."""
    outputs: int = 0
    """Files seen that are named like outputs of others beside them, and are no inputs."""

    @property
    def is_batch(self) -> bool:
        """True for several names, or a folder."""
        return len(self.names) > 1 or any(os.path.isdir(name) for name in self.names)

    @property
    def folder(self) -> Path | None:
        """Return the folder that all outputs are in, None where each is beside its input."""
        if self.output is not None:
            is_folder = self.is_batch or means_folder(self.output, self.names[0])
            return self.output if is_folder else None
        if len(self.names) == 1 and os.path.isdir(self.names[0]):
            named = self.names[0]
            folder = named.absolute() if named.name in ("", "..") else named
            return folder.with_name(f"{folder.name}{MARKER}")
        return None

    @property
    def manifest(self) -> Path | None:
        """Return where the manifest goes: into the folder of the outputs, if there is one."""
        return None if self.folder is None else self.folder / MANIFEST

    def beside(self, suffix: str, output: Path) -> Path:
        """Return the name of a file about the outputs, beside the manifest or the one `output`."""
        if self.folder is None:
            return output.with_name(f"{output.stem}.{suffix}")
        return self.folder / f"inpaint.{suffix}"

    def __iter__(self) -> Iterator[Source]:
        """Yield every photograph once; those of a folder in the order of their names."""
        files = [name for name in self.names if not os.path.isdir(name)]
        yield from self._files(files)
        folders = [name for name in self.names if os.path.isdir(name)]
        places = _places(folders) if len(self.names) > 1 else [Path()] * len(folders)
        visited: set[tuple[int, int]] = set()
        for folder, place in zip(folders, places, strict=True):
            yield from self._below(folder, Path(), place, visited)

    def check(self) -> None:
        """Raise where the outputs of several cannot go: before anything is done.

        `OutputIsInput` for a folder that is one of the inputs', and for a folder or file among the
        masks of a folder, where an output would be taken for a mask; `SettingsError` for a file.
        """
        if self.is_batch and self.output is not None:
            require_folder_name(self.output)
        target = self.folder or self.output
        for masks in filter(os.path.isdir, self.left_out if target is not None else ()):
            if target is not None and _lies_in(target, masks):
                named = f"-o {target}" if self.output else f"{target}, where outputs would go,"
                raise OutputIsInput(
                    f"{named} lies in {masks}, the folder of masks; choose another with -o"
                )
        for name in self.names:
            if self.folder is not None and os.path.isdir(name) and is_same_file(self.folder, name):
                raise OutputIsInput(f"-o {self.folder} is the input folder; choose another")

    def _files(self, files: Sequence[Path]) -> Iterator[Source]:
        marker = "" if self.folder is not None else MARKER
        target = self.output if self.folder is None else self.folder
        outputs = self._outputs(files, target, is_batch=self.folder is not None, marker=marker)
        named = frozenset(map(os.path.realpath, files))
        for path, output in zip(files, outputs, strict=True):
            error: PredictorError | None = None
            if not os.path.lexists(path):
                error = UnreadableImage(f"{path}: {_why_nothing(path)}")
            else:
                try:
                    require_no_source(output, named)
                except OutputIsInput as refusal:
                    error = refusal
            yield Source(path, Path(path.name), output, error)

    def _below(
        self, folder: Path, relative: Path, place: Path, visited: set[tuple[int, int]]
    ) -> Iterator[Source]:
        """Yield the photographs in and below `folder`; each folder once, since links may loop."""
        try:
            about = folder.stat()
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            unreadable = UnreadableImage(f"{folder} cannot be read: {error.strerror}")
            yield Source(folder, relative, (self.folder or folder) / place, unreadable)
            return
        key = (about.st_dev, about.st_ino)
        holds_outputs = any(entry.name == MANIFEST for entry in entries)
        if key in visited or (holds_outputs and relative != Path()):  # unless it was named itself
            return
        visited.add(key)
        entries = [entry for entry in entries if not self._is_left_out(folder / entry.name)]
        outputs = _outputs_among([entry.name for entry in entries if not _is_folder(entry)])
        entries = [entry for entry in entries if entry.name not in outputs]
        self.outputs += len(outputs)
        files = [folder / entry.name for entry in entries if _is_input(entry)]
        folders = [entry.name for entry in entries if _is_folder(entry)]
        for entry in entries:
            if not (_is_input(entry) or _is_folder(entry)):
                self.others.add(Path(entry.name))
        del entries
        targets = self._outputs(files, (self.folder or folder) / place, is_batch=True, marker="")
        for path, output in zip(files, targets, strict=True):
            yield Source(path, relative / path.name, output)
        for name in folders:
            yield from self._below(folder / name, relative / name, place / name, visited)

    def _outputs(
        self, files: Sequence[Path], target: Path | None, *, is_batch: bool, marker: str
    ) -> list[Path]:
        """Return where the results go; a suffix that was asked for does not concern videos."""
        paths: dict[Path, Path] = {}
        for suffix, are_videos in ((self.suffix, False), (None, True)):
            some = [file for file in files if _is_video(file) == are_videos]
            if some:
                found = output_paths(some, target, suffix, is_batch=is_batch, marker=marker)
                paths |= zip(some, found, strict=True)
        return [paths[file] for file in files]

    def _is_left_out(self, path: Path) -> bool:
        if path.name.startswith(".") or path.suffix == PARTIAL:
            return True
        if path.name in (MANIFEST, f"inpaint.{PREVIEW}"):
            return True
        others = (*self.left_out, *(() if self.folder is None else (self.folder,)))
        return any(path.name == other.name and is_same_file(path, other) for other in others)


def named_sources(
    names: Sequence[str],
    output: Path | None = None,
    left_out: Iterable[Path] = (),
    suffix: str | None = None,
) -> Sources:
    """Return the photographs and videos that `names` mean: files, folders and subfolders, globs.

    A name given twice counts once. The outputs of a single folder keep its subfolders; of several
    inputs, each folder becomes a folder of the output. Outputs of earlier runs, the folder of
    outputs itself and `left_out` are not inputs. Raises `SettingsError` for an empty name.
    """
    found: dict[Path, Path] = {}
    outputs: set[Path] = set()
    for name in names:
        if not name:
            raise SettingsError("an input has an empty name, expected a file or a folder")
        paths, earlier = _globbed(name)
        outputs |= {path.absolute() for path in earlier}
        for path in paths:
            found.setdefault(path.absolute(), path)
    count = len(outputs - found.keys())
    return Sources(tuple(found.values()), output, tuple(left_out), suffix, outputs=count)


def _globbed(name: str) -> tuple[list[Path], list[Path]]:
    """Return what `name` means, itself where it means nothing, and the outputs it also matches."""
    # A file may really be called "IMG[1].jpg": what exists is not a pattern.
    if os.path.lexists(name) or not glob.has_magic(name):
        return [Path(name)], []
    found = [Path(path) for path in sorted(glob.glob(name, recursive=True))]
    folders = {path.parent for path in found if path.stem.endswith(MARKER)}
    among = {folder: _outputs_among(_files_in(folder)) for folder in folders}

    def is_output(path: Path) -> bool:
        return path.name in among.get(path.parent, ()) or (path / MANIFEST).is_file()

    inputs = [path for path in found if not is_output(path)]
    return inputs or [Path(name)], [path for path in found if is_output(path)]


def _why_nothing(name: Path) -> str:
    if not glob.has_magic(str(name)):
        return "no such file or folder"
    return "matches outputs alone" if glob.glob(str(name), recursive=True) else "matches nothing"


def _files_in(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in os.scandir(folder) if not _is_folder(entry)]
    except OSError:
        return []


def _outputs_among(names: Sequence[str]) -> set[str]:
    """Return those of `names`, all files of one folder, that are outputs of others of them.

    Those of ``a.jpg`` are called ``a.filled.jpg``, or ``a.filled.png`` in another format, and
    ``a-jpg.filled.png`` where ``a.png`` is there too, or that with a number. Others that are called
    so are the user's own.
    """
    marked = [path for path in map(Path, names) if path.stem.endswith(MARKER)]
    if not marked:
        return set()
    sources = set(names)
    for path in map(Path, names):
        if _has_suffix_of_input(path):
            sources |= {path.stem, f"{path.stem}-{path.suffix[1:]}"}
    found = set()
    for path in marked:
        stem = path.stem.removesuffix(MARKER)
        if not sources.isdisjoint({stem, f"{stem}{path.suffix}", _NUMBERED.sub("", stem)}):
            found.add(path.name)
    return found


def _lies_in(path: Path, folder: Path) -> bool:
    """Return whether `path` is `folder` or lies in it or below, through links too."""
    real = Path(os.path.realpath(path))
    return any(is_same_file(place, folder) for place in (real, *real.parents))


def _is_video(path: Path) -> bool:
    suffix = path.suffix.lower()
    return (is_video_path(path) and suffix not in (".gif", ".apng")) or suffix == ".ogg"


def _is_input(entry: "os.DirEntry[str]") -> bool:
    return _has_suffix_of_input(Path(entry.name)) and not _is_folder(entry)


def _has_suffix_of_input(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES or is_video_path(path)


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _places(folders: Sequence[Path]) -> list[Path]:
    """Return where each folder's outputs go: in its name, or its path where names would meet."""
    absolute = [folder.absolute() for folder in folders]
    names = [Path(folder.name) for folder in absolute]
    if len({str(name).casefold() for name in names}) == len(names):
        return names
    top = os.path.commonpath([folder.parent for folder in absolute])
    return [folder.relative_to(top) for folder in absolute]
