"""Turns of phrase that messages share."""

import difflib
from collections.abc import Iterable, Sequence


def counted(number: int, what: str) -> str:
    """Return ``1 frame`` or ``2 frames``."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def class_called(label: int, names: Sequence[str] | None) -> str:
    """Return the name of a class, by which the user knows it; its number where it has none."""
    return names[label] if names is not None and label < len(names) else str(label)


def nearest_or_all(name: str, known: Iterable[str]) -> str:
    """Return ``did you mean 'x'?``, or which names are `known` if none is like `name`."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(names) or 'none'}"
