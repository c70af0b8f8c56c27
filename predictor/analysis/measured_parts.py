"""Which pictures of a data set samples are measured by, and which choose the likelihood's width."""

from dataclasses import dataclass

import numpy as np

from predictor.analysis.likelihood import CHOOSING
from predictor.analysis.pictures import MEASURED, Pictures, fitted_part, some_of, spaced_rows
from predictor.data.image_packing import Fit
from predictor.data.image_parts import TRAIN, VALIDATION, ImageCollection
from predictor.errors import UnusableData

FEWEST_PICTURES = 10
"""Of the part measured: a tenth may choose the width, and neighbours among them are compared."""


@dataclass(frozen=True, eq=False)
class MeasuredParts:
    """The real pictures of an evaluation, made to fit the samples."""

    collection: ImageCollection
    part: str
    """``test``, else ``val``, else ``train``: what is measured."""
    test: Pictures
    """The pictures of that part."""
    train: Pictures | None
    """What the samples may have been copied from; `test` itself where that is the part measured."""
    width_part: str
    """The part that `choosing` are of."""
    likely: Pictures
    """Those of `test` whose likelihood is measured."""
    choosing: Pictures
    """Those that choose the width of the Parzen window."""
    skipped: tuple[str, ...]


def measured_parts(collection: ImageCollection, fit: Fit) -> MeasuredParts:
    """Return the pictures of `collection` that samples are measured by, made to `fit`.

    The width is chosen on at most `CHOOSING` pictures of ``val``; where there are none beside the
    part measured, on a tenth of that part, at most as many, which the likelihood leaves out.
    Raises `UnusableData`, also for fewer than `FEWEST_PICTURES` in the part measured.
    """
    measured = next(name for name in MEASURED if name in collection.parts)
    has_validation = VALIDATION in collection.parts and measured != VALIDATION
    width_part = VALIDATION if has_validation else measured
    parts: dict[str, Pictures] = {}
    skipped = list(collection.skipped)
    for name in dict.fromkeys((TRAIN, measured, width_part)):
        if name in collection.parts:
            parts[name], unread = fitted_part(collection, name, fit)
            skipped += unread
    test = parts[measured]
    if len(test) < FEWEST_PICTURES:
        raise UnusableData(
            f"{collection.path} has {len(test)} pictures in its part {measured}, expected "
            f"{FEWEST_PICTURES} or more to measure samples by"
        )
    if has_validation:
        likely, choosing = test, some_of(parts[VALIDATION], CHOOSING)
    else:
        likely, choosing = _without_a_tenth(test)
    return MeasuredParts(
        collection=collection,
        part=measured,
        test=test,
        train=parts.get(TRAIN),
        width_part=width_part,
        likely=likely,
        choosing=choosing,
        skipped=tuple(skipped),
    )


def _without_a_tenth(pictures: Pictures) -> tuple[Pictures, Pictures]:
    """Return the pictures but for a tenth of them, evenly spaced, and that tenth."""
    count = len(pictures)
    chosen = spaced_rows(count, min(CHOOSING, count // 10))
    return pictures.rows(np.setdiff1d(np.arange(count), chosen)), pictures.rows(chosen)
