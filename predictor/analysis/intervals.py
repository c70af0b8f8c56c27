"""Means with bootstrap confidence intervals."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000


@dataclass(frozen=True)
class Mean:
    """A mean with its bootstrap 95 % interval; NaN where nothing was measured."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"

    def as_json(self) -> dict[str, float | None]:
        """Return what `json.dump` takes; NaN becomes None."""
        return {
            "mean": number_json(self.value),
            "low": number_json(self.low),
            "high": number_json(self.high),
        }


def bootstrapped(
    table: NDArray[np.float64], statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> Mean:
    """Return `statistic` of a table ``(cases, methods)`` with its bootstrap interval over cases.

    `statistic` takes the means of the methods, ``(…, methods)``, and returns one number for each
    row of them.
    """
    count = len(table)
    if not count:
        return Mean(float("nan"), float("nan"), float("nan"))
    source = np.random.default_rng(0)
    means = np.empty((RESAMPLES, table.shape[1]))
    for resample in means:
        drawn = np.bincount(source.integers(count, size=count), minlength=count)
        resample[:] = drawn @ table / count
    low, high = np.percentile(statistic(means), [2.5, 97.5])
    return Mean(float(statistic(table.mean(axis=0))), float(low), float(high))


def number_json(value: float) -> float | None:
    """Return `value` rounded to four decimals, None for NaN."""
    return None if np.isnan(value) else round(value, 4)
