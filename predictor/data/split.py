"""Which files are trained on and which are held out."""

import json
from collections.abc import Sequence, Set
from hashlib import blake2b
from pathlib import Path
from typing import ClassVar, Protocol, Self, TypeVar

import numpy as np

from predictor.data.image_parts import TEST, TRAIN, VALIDATION, part_folders
from predictor.errors import UnusableData
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
"""In the folder of a run: the names of the files held out."""

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
    the names that are held out: when the run is resumed, new files are trained on and no old one
    moves across, as long as one that was held out is still there.

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
        record = None if run is None else run / HELD_OUT_FILE
        held_out = _recorded(record).intersection(names)
        if not held_out or len(held_out) == len(names):
            held_out = _held_out_by_hash(names, validation_share, measurable)
            if record is not None:
                write_whole(record, json.dumps(sorted(held_out)).encode())
    return index.subset(set(names) - held_out), index.subset(held_out)


def _held_out_by_hash(
    names: Sequence[str], validation_share: float, measurable: Set[str] | None
) -> set[str]:
    ranked = sorted(names, key=_fraction)
    count = sum(_fraction(name) < validation_share for name in ranked)
    held_out = set(ranked[: min(max(count, 1), len(names) - 1)])
    found = [name for name in ranked if measurable is None or name in measurable]
    if found and not held_out.intersection(found) and len(held_out) + 1 < len(names):
        held_out.add(found[0])
    return held_out


def _recorded(record: Path | None) -> set[str]:
    """Return the names in the file `record`; none if it is missing or not readable."""
    try:
        return set() if record is None else {str(name) for name in json.loads(record.read_text())}
    except (OSError, ValueError, TypeError):
        return set()


def _fraction(name: str) -> float:
    """Return a number in [0, 1) that depends on nothing but the name."""
    coded = name.encode(errors="surrogateescape")
    return int.from_bytes(blake2b(coded, digest_size=6).digest()) / 2**48


def thinned(index: Index, most: int | None) -> Index:
    """Return the index of `most` of the files, evenly spaced in their order; None: of all."""
    names = index.names
    if most is None or len(names) <= most:
        return index
    rows = np.linspace(0, len(names) - 1, most).round().astype(int)
    return index.subset({names[row] for row in rows})
