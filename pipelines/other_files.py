"""The files of folders that a command leaves alone, so that it can say so."""

from dataclasses import dataclass, field
from pathlib import Path

from predictor.wording import counted

_SUFFIXES_NAMED = 8


@dataclass
class OtherFiles:
    """Files seen in the folders that were named which are no inputs by their suffix."""

    count: int = 0
    suffixes: set[str] = field(default_factory=set)
    """In small letters; without that of files that have none."""

    def add(self, path: Path) -> None:
        """Count one more."""
        self.count += 1
        if path.suffix:
            self.suffixes.add(path.suffix.lower())

    def __str__(self) -> str:
        words = f"{counted(self.count, 'other file')} left alone"
        if not self.suffixes:
            return words
        named = sorted(self.suffixes)
        more = ["…"] if named[_SUFFIXES_NAMED:] else []
        return f"{words} ({' '.join([*named[:_SUFFIXES_NAMED], *more])})"
