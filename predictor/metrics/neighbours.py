"""Nearest neighbours by Euclidean distance, and measures of generated pictures built on them."""

from typing import NamedTuple

import torch
from torch import Tensor

from predictor.errors import TensorContractError

_ROWS, _BLOCK = 256, 4096
"""Points, and others, that are compared at once: others may be many large pictures."""


class Nearest(NamedTuple):
    """The neighbours of each of N points, nearest first."""

    distances: Tensor
    """``(N, k)``, float64."""
    rows: Tensor
    """``(N, k)``: indices of the neighbours."""


def nearest(points: Tensor, others: Tensor, count: int = 1, *, are_same: bool = False) -> Nearest:
    """Return the `count` nearest of `others` ``(M, ...)`` for each of `points` ``(N, ...)``.

    With `are_same` the two are one set, and no point is its own neighbour. Computed in float64
    around the mean, so that close neighbours are told apart, a block of each at a time.
    """
    blocks = torch.split(others.flatten(1), _BLOCK)
    centre = torch.stack([block.double().sum(dim=0) for block in blocks]).sum(dim=0) / len(others)
    best: list[Nearest | None] = [None] * -(-len(points) // _ROWS)
    for number, block in enumerate(blocks):
        block = block.to(torch.float64, copy=True).sub_(centre)
        lengths = block.square().sum(dim=1)
        first = number * _BLOCK
        for place, part in enumerate(torch.split(points.flatten(1), _ROWS)):
            part = part.double() - centre
            squares = part.square().sum(dim=1, keepdim=True) + lengths - 2 * part @ block.T
            if are_same:
                own = torch.arange(len(part))
                within = own + place * _ROWS - first
                is_here = (within >= 0) & (within < len(block))
                squares[own[is_here], within[is_here]] = torch.inf
            best[place] = _nearer(best[place], squares, first, count)
    found = [each for each in best if each is not None]
    return Nearest(
        torch.cat([each.distances.clamp_min(0).sqrt() for each in found]),
        torch.cat([each.rows for each in found]),
    )


def _nearer(best: Nearest | None, squares: Tensor, first: int, count: int) -> Nearest:
    """Return the nearest of `best` and of others from row `first` on, by squared distances."""
    found = squares.topk(min(count, squares.shape[1]), dim=1, largest=False)
    distances, rows = found.values, found.indices + first
    if best is None:
        return Nearest(distances, rows)
    distances, rows = torch.cat((best[0], distances), 1), torch.cat((best[1], rows), 1)
    chosen = distances.topk(min(count, distances.shape[1]), dim=1, largest=False)
    return Nearest(chosen.values, rows.gather(1, chosen.indices))


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
    eq. 1 and 2. Raises `TensorContractError` for `neighbours` or fewer of either.
    """
    if min(len(real), len(generated)) <= neighbours:
        raise TensorContractError(
            f"{len(real)} real and {len(generated)} generated examples, expected more than "
            f"{neighbours} of each, which have as many neighbours"
        )
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
