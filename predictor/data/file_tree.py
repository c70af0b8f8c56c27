"""The files in the tree under a folder of data, as every kind of data set looks for them."""

import os
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from predictor.run_folder import LOCK_FILE


@dataclass(frozen=True)
class FileTree:
    """What lies under a folder, hidden files and folders left out; paths relative to it, sorted."""

    files: tuple[str, ...]
    """Forward slashes; links that lead nowhere too, so that reading them says so."""
    folders: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...] = ()
    """Name and reason of each folder that was not looked into."""


def file_tree(root: Path, without: Path | None = None) -> FileTree:
    """Return the files under `root`, also where links to folders lead, each real folder once.

    Folders of training runs below `root` are skipped, and so are those that cannot be read. Folders
    with nothing but runs in them are no folders of data. The folder `without` is left out, unless
    it is `root`.
    """
    files: list[str] = []
    folders: list[str] = []
    runs: list[Path] = []
    skipped: list[tuple[str, str]] = []
    # Real folders before links: a folder has its own name even where a link to it sorts first.
    waiting, linked = deque([Path()]), deque[Path]()
    visited: set[tuple[int, int]] = set()
    if without is not None and not without.samefile(root):
        visited.add(_identity(without.stat()))
    while waiting or linked:
        here = (waiting or linked).popleft()
        try:
            about = (root / here).stat()
            entries = sorted(os.scandir(root / here), key=lambda entry: entry.name)
        except OSError as error:
            skipped.append((here.as_posix(), f"cannot be read: {error.strerror}"))
            continue
        if _identity(about) in visited:
            continue
        visited.add(_identity(about))
        # The previews of a training run are no data.
        if here != Path() and any(entry.name == LOCK_FILE for entry in entries):
            runs.append(here)
            skipped.append((here.as_posix(), "is the folder of a training run"))
            continue
        if here != Path():
            folders.append(here.as_posix())
        for entry in entries:
            if entry.name.startswith("."):
                continue
            path = here / entry.name
            if entry.is_dir(follow_symlinks=False):
                waiting.append(path)
            elif entry.is_symlink() and os.path.isdir(entry):
                linked.append(path)
            else:
                files.append(path.as_posix())
    around = {parent.as_posix() for run in runs for parent in run.parents}
    emptied = {name for name in around if not any(file.startswith(f"{name}/") for file in files)}
    return FileTree(
        tuple(sorted(files)),
        tuple(sorted(name for name in folders if name not in emptied)),
        tuple(sorted(skipped)),
    )


def _identity(about: os.stat_result) -> tuple[int, int]:
    """Return what is the same of a folder by whatever path it is reached."""
    return about.st_dev, about.st_ino
