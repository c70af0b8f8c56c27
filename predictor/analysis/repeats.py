"""Samples that repeat each other."""

from dataclasses import dataclass

from torch import Tensor

from predictor.analysis.pictures import spaced_rows
from predictor.metrics import nearest

ALIKE_LEVELS = 4.0
"""Root mean square difference, in grey levels of 0 to 255, of pictures that look the same."""

_USUAL_SHARE = 0.01
"""Share of real pictures that may be as near to another one as samples that repeat each other."""


@dataclass(frozen=True, eq=False)
class Repeats:
    """How near samples are to each other, next to as many real pictures."""

    distances: Tensor
    """``(N,)``: of each sample to the nearest other one, pixels in [-1, 1]."""
    nearest: Tensor
    """``(N,)``: the number of that one."""
    usual: Tensor
    """``(N,)``: of each real picture to the nearest other one."""
    is_repeat: Tensor
    """``(N,)``: whether the sample counts as one that repeats another."""

    @property
    def share(self) -> float:
        """Share of the samples that repeat another."""
        return float(self.is_repeat.double().mean())

    def pairs(self, count: int) -> list[tuple[int, int]]:
        """Return samples that repeat another, each with that one, at most `count` such pairs.

        The most alike come first; two that are nearest to each other are one pair.
        """
        rows = self.is_repeat.nonzero()[:, 0]
        rows = rows[self.distances[rows].argsort(stable=True)]
        found: dict[frozenset[int], tuple[int, int]] = {}
        for row, other in zip(rows.tolist(), self.nearest[rows].tolist(), strict=True):
            found.setdefault(frozenset((row, other)), (row, other))
        return list(found.values())[:count]


def repeats(samples: Tensor, real: Tensor) -> Repeats:
    """Return which of `samples` repeat another, by pictures `real`, ``(N, C, H, W)`` in [-1, 1].

    A sample does that if it is nearer to another one than 99 % of real pictures are, with distances
    in units of the deviation of each set, so that pale samples are no repeats for being pale; or if
    it is within `ALIKE_LEVELS` of another one, so that samples which are all alike are repeats,
    however little they deviate. Of the larger set only as many as of the smaller are compared:
    neighbours come nearer the more there are.
    """
    count = min(len(samples), len(real))
    real = real[spaced_rows(len(real), count)]
    usual = nearest(real, real, are_same=True).distances[:, 0]
    own = nearest(samples[:count], samples[:count], are_same=True)
    distances = own.distances[:, 0]
    unusual = usual.quantile(_USUAL_SHARE) * deviation(samples) / deviation(real)
    alike = ALIKE_LEVELS / 127.5 * samples[0].numel() ** 0.5
    is_repeat = (distances <= unusual) | (distances <= alike)
    return Repeats(distances, own.rows[:, 0], usual, is_repeat)


def deviation(images: Tensor) -> float:
    """Return the root of the mean variance of a pixel over the images; tiny, not 0, at least."""
    return max(float(images.double().var(dim=0).mean().sqrt()), 1e-9)
