"""Features of all pictures at a path, in one NPZ file."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from predictor.analysis.features import GRID, FeatureExtractor, layer_widths
from predictor.analysis.pictures import (
    PictureParts,
    Pixels,
    fitted_pictures,
    image_batches,
    mixed_batches,
)
from predictor.data.image_packing import fit_of_shape
from predictor.data.image_parts import TRAIN
from predictor.progress import Progress
from predictor.whole_files import whole_file


@dataclass(frozen=True, eq=False)
class PictureFeatures:
    """Features ``(N, D)`` and what is known of their pictures, one row each."""

    features: NDArray[np.float32]
    names: tuple[str, ...]
    parts: tuple[str, ...]
    """The official part that a picture is of: ``train``, ``val``, ``test``."""
    labels: NDArray[np.int64] | None
    """None where some have none."""
    class_names: tuple[str, ...] | None
    """By label, where the data name their classes."""
    layers: tuple[int, ...]
    """How many of the D numbers come from each layer, in their order."""
    skipped: tuple[str, ...]
    """What could not be read, one line each; it has no row."""

    def write(self, path: Path) -> None:
        """Write them to `path` as arrays of these names, ``grid`` beside them.

        Raises `OutputNotWritten`.
        """
        arrays: dict[str, NDArray[Any]] = {
            "features": self.features,
            "names": np.array(self.names),
            "parts": np.array(self.parts),
            "layers": np.array(self.layers),
            "grid": np.array([GRID, GRID]),
        }
        if self.labels is not None:
            arrays["labels"] = self.labels
            if self.class_names is not None:
                arrays["class_names"] = np.array(self.class_names)
        with whole_file(path) as partial, partial.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)


def picture_features(
    extractor: FeatureExtractor,
    path: Path,
    statistics: Path | None = None,
    progress: Progress | None = None,
    *,
    short_side: int | None = None,
) -> PictureFeatures:
    """Return the features of every picture at `path`, one part after the other.

    Their shorter sides are resized to `short_side`, or as little as covers what the encoder takes,
    and their middles cut out. Batch normalization uses the statistics of the pictures at
    `statistics`, by default those at `path`; of either the part ``train`` alone where it has one.
    Raises `UnusableData`.
    """
    fit = fit_of_shape(extractor.encoder.image_shape, short_side)
    found = fitted_pictures(path, fit)
    measured = _measured(found if statistics is None else fitted_pictures(statistics, fit))
    parts = list(found.parts.values())
    total = len(measured) + sum(len(part.names) for part in parts)
    done = 0

    def noted(batches: Iterable[Tensor], what: str) -> Iterator[Tensor]:
        nonlocal done
        for batch in batches:
            yield batch
            done += len(batch)
            if progress is not None:
                progress(done, total, what)

    extractor.measure(noted(mixed_batches(measured), "statistics"))
    batches = (noted(image_batches(part.pixels), name) for name, part in found.parts.items())
    features = extractor.all_features(chain.from_iterable(batches), total - len(measured))
    labels = [part.labels for part in parts if part.labels is not None]
    return PictureFeatures(
        features=features,
        names=tuple(name for part in parts for name in part.names),
        parts=tuple(name for name, part in found.parts.items() for _ in part.names),
        labels=np.concatenate(labels) if len(labels) == len(parts) else None,
        class_names=found.class_names,
        layers=layer_widths(extractor.encoder),
        skipped=found.skipped,
    )


def _measured(found: PictureParts) -> Pixels:
    if TRAIN in found.parts:
        return found.parts[TRAIN].pixels
    return np.concatenate([part.pixels for part in found.parts.values()])
