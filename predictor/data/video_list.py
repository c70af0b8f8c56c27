"""Lists of videos, as data sets come with: one path a line."""

from pathlib import Path

from predictor.data.indexing import video_names
from predictor.errors import UnusableData


def listed_videos(folder: Path, file: Path | None) -> list[str]:
    """Return the paths in `folder` that the text `file` names, in its order; None names all.

    A number behind a path, the label in UCF101's lists, is left out, and so are empty lines. Raises
    `UnusableData` if the file cannot be read or names nothing.
    """
    if file is None:
        return video_names(folder)
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableData(f"{file} is no list of videos: {error}") from error
    names = [_without_label(line.strip()) for line in lines if line.strip()]
    if not names:
        raise UnusableData(f"{file} names no video")
    return names


def _without_label(line: str) -> str:
    name, _, label = line.rpartition(" ")
    return name.strip() if name and label.isdecimal() else line
