"""Which files are trained on and which are held out."""

import json
from collections.abc import Iterable, Sequence, Set
from hashlib import blake2b
from pathlib import Path
from typing import ClassVar, Protocol, Self, TypeVar

import numpy as np

from predictor.data.image_parts import TEST, TRAIN, VALIDATION, part_folders
from predictor.errors import UnusableData
from predictor.run_folder import RUN_FILE
from predictor.whole_files import write_whole


class FileIndex(Protocol):
    """What is known of the files of a folder."""

    item: ClassVar[str]
    """What one of them is called."""

    @property
    def root(self) -> Path:
        """The folder."""

    @property
    def names(self) -> Sequence[str]:
        """Their paths relative to `root`, with forward slashes."""

    def subset(self, names: set[str]) -> Self:
        """Return the index of only these files."""


HELD_OUT_FILE = "held_out.json"
"""In the folder of a run: the names of the files, or small pictures, held out."""

Index = TypeVar("Index", bound=FileIndex)


def split_by_file(
    index: Index,
    validation_share: float = 0.1,
    measurable: Set[str] | None = None,
    run: Path | None = None,
) -> tuple[Index, Index]:
    """Return the indexes to train on and to validate with; no file is in both.

    A folder that holds ``train/`` and ``val/`` is split as it says: ``val/`` is held out, all else
    is trained on; but ``test/`` beside ``train/`` is on neither side; also in capitals. In any
    other each file is held out by a hash of its relative path; both sides get at least one, and the
    held-out side one of those that are `measurable`, if there is one. The folder `run` then keeps
    the names that are held out: when the run in it is resumed, new files are trained on and no old
    one moves across, as long as one that was held out, and is measurable, is still there.

    Raises `UnusableData` if there is only one file, or two folders of one part.
    """
    tops = {name.split("/")[0] for name in index.names if "/" in name}
    parts = part_folders(index.root, tops)
    names = index.names
    if {TRAIN, TEST} <= parts.keys():
        names = [name for name in names if name.split("/")[0] != parts[TEST]]
    if len(names) < 2:
        raise UnusableData(
            f"{index.root} has one readable {index.item} ({names[0]}); training needs two or more, "
            "so that one can be held out"
        )
    if {TRAIN, VALIDATION} <= parts.keys():
        held_out = {name for name in names if name.split("/")[0] == parts[VALIDATION]}
    else:
        held_out = recorded = recorded_held_out(run, names)
        if not held_out:
            held_out = _held_out_by_hash(names, validation_share)
        held_out = _with_measurable(held_out, names, measurable)
        if held_out != recorded:
            record_held_out(run, held_out)
    return index.subset(set(names) - held_out), index.subset(held_out)


def _held_out_by_hash(names: Sequence[str], validation_share: float) -> set[str]:
    ranked = sorted(names, key=_fraction)
    count = sum(_fraction(name) < validation_share for name in ranked)
    return set(ranked[: min(max(count, 1), len(names) - 1)])


def _with_measurable(
    held_out: set[str], names: Sequence[str], measurable: Set[str] | None
) -> set[str]:
    """Return `held_out`, with one that is `measurable` where it has none and one can be spared."""
    if measurable is None or held_out & measurable or len(held_out) + 1 >= len(names):
        return held_out
    return held_out | set(sorted(measurable & set(names), key=_fraction)[:1])


def recorded_held_out(run: Path | None, names: Iterable[str]) -> set[str]:
    """Return those of `names` that the run in the folder `run` holds out.

    Empty where no run has begun there, where they cannot be read (what a start that was stopped
    early has left may be of other settings), and where nothing would be left to train on.
    """
    if run is None or not (run / RUN_FILE).exists():
        return set()
    try:
        recorded = {str(name) for name in json.loads((run / HELD_OUT_FILE).read_text())}
    except (OSError, ValueError, TypeError):
        return set()
    there = set(names)
    return set() if there <= recorded else recorded & there


def record_held_out(run: Path | None, names: Iterable[str]) -> None:
    """Keep in the folder `run`, if any, what is held out; raises `OutputNotWritten`."""
    if run is not None:
        write_whole(run / HELD_OUT_FILE, json.dumps(sorted(names)).encode())


def _fraction(name: str) -> float:
    """Return a number in [0, 1) that depends on nothing but the name."""
    coded = name.encode(errors="surrogateescape")
    return int.from_bytes(blake2b(coded, digest_size=6).digest()) / 2**48


def thinned(index: Index, most: int | None, measurable: Set[str] | None = None) -> Index:
    """Return the index of `most` of the files, evenly spaced in their order; None: of all.

    Of those that are `measurable`, if there is one.
    """
    names = [name for name in index.names if measurable is None or name in measurable]
    names = names or list(index.names)
    if most is None or len(names) <= most:
        return index
    rows = np.linspace(0, len(names) - 1, most).round().astype(int)
    return index.subset({names[row] for row in rows})
