"""Nearest neighbours by Euclidean distance, and measures of generated pictures built on them."""

from typing import NamedTuple

import torch
from torch import Tensor

_ROWS = 256
"""Points compared with all others at once."""


class Nearest(NamedTuple):
    """The neighbours of each of N points, nearest first."""

    distances: Tensor
    """``(N, k)``, float64."""
    rows: Tensor
    """``(N, k)``: indices of the neighbours."""


def nearest(points: Tensor, others: Tensor, count: int = 1, *, are_same: bool = False) -> Nearest:
    """Return the `count` nearest of `others` ``(M, ...)`` for each of `points` ``(N, ...)``.

    With `are_same` the two are one set, and no point is its own neighbour. Computed in float64
    around the mean, so that close neighbours are told apart.
    """
    others = others.flatten(1).double()
    centre = others.mean(dim=0)
    others = others - centre
    lengths = others.square().sum(dim=1)
    distances, rows = [], []
    for start in range(0, len(points), _ROWS):
        part = points[start : start + _ROWS].flatten(1).double() - centre
        squares = part.square().sum(dim=1, keepdim=True) + lengths - 2 * part @ others.T
        if are_same:
            own = torch.arange(len(part))
            squares[own, own + start] = torch.inf
        found = squares.clamp_min(0).topk(count, dim=1, largest=False)
        distances.append(found.values.sqrt())
        rows.append(found.indices)
    return Nearest(torch.cat(distances), torch.cat(rows))


def nearest_class_error(
    points: Tensor, labels: Tensor, samples: Tensor, sample_labels: Tensor
) -> float:
    """Return the share of `points` whose nearest sample has another label.

    Radford et al. 2016, section 5.2: the error of a 1-nearest-neighbour classifier that is trained
    on the samples of a conditional generator alone.
    """
    rows = nearest(points, samples).rows[:, 0]
    return float((sample_labels[rows] != labels).double().mean())


def precision_and_recall(
    real: Tensor, generated: Tensor, neighbours: int = 3
) -> tuple[float, float]:
    """Return the shares of `generated` on the manifold of `real`, and of `real` on the other.

    Features are ``(N, D)`` and ``(M, D)``. The manifold of a set is the union of the balls around
    its points that reach to their k-th neighbour, k being `neighbours`. Kynkäänniemi et al. 2019,
    eq. 1 and 2.
    """
    return _covered(generated, real, neighbours), _covered(real, generated, neighbours)


def _covered(points: Tensor, by: Tensor, neighbours: int) -> float:
    """Return the share of `points` that lie on the manifold of the set `by`."""
    radii = nearest(by, by, neighbours, are_same=True).distances[:, -1]
    inside = []
    by = by.flatten(1).double()
    centre = by.mean(dim=0)  # cdist expands |a - b|², which loses digits to a common offset
    by = by - centre
    for part in torch.split(points.flatten(1).double(), _ROWS):
        inside.append((torch.cdist(part - centre, by) <= radii).any(dim=1))
    return float(torch.cat(inside).double().mean())
