"""What features that were learned without labels are measured against."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from predictor.analysis.probe import Examples, Fit, Labels, Predictor

NEIGHBOURS = (1, 3, 5, 10)
HOG_COSTS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Values of C tried on HOG, whose numbers are much smaller than activations."""

_HOG_CELLS = 8  # along the shorter side


def nearest_neighbours(counts: Iterable[int] = NEIGHBOURS) -> dict[str, Fit]:
    """Return one k-nearest-neighbours classifier for each k: Euclidean, a vote each."""

    def with_count(count: int) -> Fit:
        def fit(features: Examples, labels: Labels, seed: int) -> Predictor:
            from sklearn.neighbors import KNeighborsClassifier

            classifier = KNeighborsClassifier(min(count, len(features)), algorithm="brute")
            classifier.fit(features.reshape(len(features), -1), labels)
            return lambda others: np.asarray(classifier.predict(others.reshape(len(others), -1)))

        return fit

    return {f"k={count}": with_count(count) for count in counts}


def hog_features(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return histograms of oriented gradients ``(N, D)`` of pictures ``(N, H, W, C)``.

    Dalal and Triggs 2005: nine orientations, blocks of 2 x 2 cells, cells of an eighth of the
    shorter side; of colour pictures the channel with the strongest gradient. Raises
    `ModuleNotFoundError` without scikit-image.
    """
    from skimage.feature import hog

    cell = max(1, min(pictures.shape[1:3]) // _HOG_CELLS)
    has_colour = pictures.shape[3] > 1
    return np.stack(
        [
            hog(
                picture if has_colour else picture[..., 0],
                orientations=9,
                pixels_per_cell=(cell, cell),
                cells_per_block=(2, 2),
                block_norm="L2-Hys",
                channel_axis=-1 if has_colour else None,
            ).astype(np.float32)
            for picture in pictures
        ]
    )
