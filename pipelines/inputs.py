"""Find the clips that the arguments of a command mean."""

import glob
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.other_files import OtherFiles
from pipelines.outputs import is_output_name
from predictor.errors import PredictorError, SettingsError, UnreadableMedia


@dataclass(frozen=True)
class Inputs:
    """What was named, in that order."""

    entries: dict[Path, PredictorError | None]
    """Each clip once, with None; a name that gives no clip, with the error that says why."""
    is_batch: bool
    """True for several names, a glob of several files, or a folder of videos."""
    others: OtherFiles = field(default_factory=OtherFiles)
    """Files beside the videos of folders that are no videos, and are left alone."""

    @property
    def clips(self) -> list[Path]:
        """Return the entries that are there."""
        return [path for path, error in self.entries.items() if error is None]


def named_inputs(names: Sequence[str]) -> Inputs:
    """Return the clips that `names` mean: files, folders of pictures, folders of videos, globs.

    A folder whose own files are images is one clip; else each video in it is a clip, in the order
    of their names, without this tool's earlier outputs. A clip named twice counts once. Raises
    `SettingsError` for an empty name: a variable of a shell that was never set.
    """
    entries: dict[Path, PredictorError | None] = {}
    seen: set[Path] = set()
    seen_others: set[Path] = set()
    has_folder = False
    others = OtherFiles()
    for name in names:
        if not name:
            raise SettingsError("an input has an empty name, expected a file or a folder")
        for path in _globbed(name):
            found, error = [path], None
            if not path.exists():
                is_pattern = glob.has_magic(name)
                what = "matches nothing" if is_pattern else "no such file or folder"
                error = UnreadableMedia(f"{path}: {what}")
            elif path.is_dir() and not is_image_folder(path):
                if videos := videos_in(path):
                    found, has_folder = videos, True
                    for other in set(_files_in(path)).difference(videos, seen_others):
                        others.add(other)
                        seen_others.add(other)
                else:
                    error = UnreadableMedia(
                        f"{path}: no video and no image in this folder itself; those in folders "
                        f"below it are named by a pattern such as '{path}/**/*.mp4'"
                    )
            entries |= {clip: error for clip in found if clip.absolute() not in seen}
            seen |= {clip.absolute() for clip in found}
    return Inputs(entries, has_folder or len(entries) > 1, others)


def _globbed(name: str) -> Iterable[Path]:
    # A file may really be called "take[1].mp4": what exists is not a pattern.
    if Path(name).exists() or not glob.has_magic(name):
        return [Path(name)]
    return [
        path for path in map(Path, sorted(glob.glob(name, recursive=True))) if not _is_output(path)
    ] or [Path(name)]


def _is_output(path: Path) -> bool:
    return path.is_file() and is_output_name(path)


def is_image_folder(folder: Path) -> bool:
    """Return whether images lie in `folder` itself, and no video but this tool's outputs."""
    from predictor.media.folder import pictures_in

    return bool(pictures_in(folder)) and not videos_in(folder)


def videos_in(folder: Path) -> list[Path]:
    """Return the videos that lie in `folder` itself, by name, without this tool's outputs."""
    from predictor.media.images import is_video_path

    return sorted(path for path in _files_in(folder) if is_video_path(path))


def _files_in(folder: Path) -> Iterable[Path]:
    return (
        path
        for path in folder.iterdir()
        if path.is_file() and not path.name.startswith(".") and not is_output_name(path)
    )
