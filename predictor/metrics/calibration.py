"""Calibration: whether a classifier is right as often as its confidence says."""

from dataclasses import dataclass

import torch
from torch import Tensor

from predictor.errors import TensorContractError

BINS = 15
"""Number of bins in Guo et al. 2017."""


@dataclass(frozen=True)
class Calibration:
    """Examples in bins of equal width over [0, 1], by the probability of the answer."""

    counts: Tensor
    """Examples in each bin, ``(bins,)``."""
    confidence: Tensor
    """Mean probability of the answers in each bin; NaN in an empty one."""
    accuracy: Tensor
    """Share of right answers in each bin; NaN in an empty one."""

    @property
    def expected_error(self) -> float:
        """The expected calibration error: the mean gap of confidence and accuracy over examples.

        0 is perfect calibration. Naeini et al. 2015; Guo et al. 2017, eq. 3.
        """
        gaps = (self.confidence - self.accuracy).abs().nan_to_num()
        return float((gaps * self.counts).sum() / self.counts.sum())


def calibration(probabilities: Tensor, labels: Tensor, bins: int = BINS) -> Calibration:
    """Return the calibration of `probabilities` ``(N, K)`` given int64 `labels` ``(N,)``.

    A bin includes its upper end. Raises `TensorContractError` for shapes that do not fit and for no
    examples.
    """
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1] or not len(labels):
        raise TensorContractError(
            f"probabilities are {tuple(probabilities.shape)} and labels {tuple(labels.shape)}, "
            "expected (N, K) and (N,)"
        )
    sure, answers = probabilities.double().max(dim=1)
    place = ((sure * bins).ceil().long() - 1).clamp(0, bins - 1)
    counts = torch.bincount(place, minlength=bins)
    right = (answers == labels).double()
    confidence = torch.bincount(place, weights=sure, minlength=bins) / counts
    accuracy = torch.bincount(place, weights=right, minlength=bins) / counts
    return Calibration(counts, confidence, accuracy)
