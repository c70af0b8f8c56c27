"""Classes of data matched with those of a model, by their names."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from predictor.errors import UnusableData


def labels_of_model(
    path: Path,
    labels: NDArray[np.int64],
    data_names: Sequence[str] | None,
    names: Sequence[str],
    remedy: str = "",
) -> NDArray[np.int64]:
    """Return `labels` ``(N,)`` of the data at `path` as those of a model with classes `names`.

    Classes that have names on both sides are matched by these, so the data may lack some; numbers
    are names where the model has all of them, or has numbers for names. Raises `UnusableData` for a
    class that it has not; `remedy` says what may help.
    """
    if data_names is None:
        data_names = [str(label) for label in range(int(labels.max()) + 1)]
        are_names = all(data_names[label] in names for label in np.unique(labels))
        are_names = are_names or all(name.isdecimal() for name in names)
        if not are_names and len(data_names) <= len(names):  # then numbers mean the same
            return labels
    place = {name: label for label, name in enumerate(names)}
    unknown = [data_names[label] for label in np.unique(labels) if data_names[label] not in place]
    if unknown:
        shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
        raise UnusableData(
            f"{path} has the class {unknown[0]!r}, which the model does not tell; it tells {shown}"
            + (f"; {remedy}" if remedy else "")
        )
    table = np.array([place.get(name, -1) for name in data_names], dtype=np.int64)
    return table[labels]
