"""What every index of a folder keeps of its files, and the pass over those that changed."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

from predictor.data.threads import in_threads
from predictor.progress import Progress


class IndexEntry(Protocol):
    """What is known of one file or folder of frames."""

    @property
    def name(self) -> str:
        """Its path relative to the indexed folder."""

    @property
    def stamp(self) -> tuple[int, ...]:
        """Numbers that change when its content does."""


Entry = TypeVar("Entry", bound=IndexEntry)


def updated_entries(
    stamps: Mapping[str, tuple[int, ...]],
    known: Mapping[str, Entry],
    read: Callable[[str], Entry],
    write: Callable[[Path, dict[str, Entry]], None],
    cache: Path | None,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Entry]:
    """Return an entry for each name in `stamps`: the `known` one if its stamp is equal, or `read`.

    If any was read, `write` puts all there are so far into `cache`, also after an error or an
    interrupt, so that no file has to be read twice. `workers` threads read at once, by default one
    a core.
    """
    entries = {
        name: known[name]
        for name, stamp in stamps.items()
        if name in known and known[name].stamp == stamp
    }
    missing = [name for name in stamps if name not in entries]
    try:
        for entry in in_threads(read, missing, workers):
            entries[entry.name] = entry
            if progress is not None:
                progress(len(entries), len(stamps), entry.name)
    finally:
        if cache is not None and missing:
            write(cache, entries)
    return entries
