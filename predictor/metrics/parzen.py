"""Log-likelihood of pictures under a Parzen window on samples of a generator.

The density is the mean of N(sample, σ² I) over the samples (Breuleux et al. 2011; Goodfellow et al.
2014, section 5; code of Denton et al. 2015). It depends on the scale of the pixels: to compare with
published numbers use pixels in [0, 1].
"""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

_ROWS = 256
"""Points that are compared with all samples at once."""

SIGMAS = tuple(10 ** (-1 + k / 9) for k in range(10))
"""The ten widths that the official code chooses from, spaced evenly in the logarithm."""


def parzen_log_likelihood(
    points: Tensor, samples: Tensor, sigmas: Sequence[float] = SIGMAS
) -> Tensor:
    """Return the log-likelihood of each point for each width, ``(len(sigmas), N)``, in nats.

    `points` ``(N, ...)`` and `samples` ``(M, ...)`` are flattened. Computed in float64: a float32
    sum over a thousand pixels is off by 0.05 nats.
    """
    samples = samples.flatten(1).double()
    dimensions = samples.shape[1]
    found = []
    for distances in _squared_distances(points.flatten(1), samples):
        found.append(
            torch.stack(
                [
                    log_mean_exp(-distances / (2 * sigma**2))
                    - dimensions * math.log(sigma * math.sqrt(2 * math.pi))
                    for sigma in sigmas
                ]
            )
        )
    return torch.cat(found, dim=1)


def log_mean_exp(values: Tensor) -> Tensor:
    """Return ``ln mean exp`` over the last axis, without overflow or underflow."""
    return torch.logsumexp(values, dim=-1) - math.log(values.shape[-1])


def _squared_distances(points: Tensor, samples: Tensor) -> Iterator[Tensor]:
    """Yield the squared distances of blocks of points to all samples, ``(n, M)``."""
    centre = samples.mean(dim=0)  # |a|² + |b|² - 2ab loses digits to a common offset
    samples = samples - centre
    lengths = samples.square().sum(dim=1)
    for part in torch.split(points, _ROWS):
        part = part.double() - centre
        squares = part.square().sum(dim=1, keepdim=True) + lengths - 2 * part @ samples.T
        yield squares.clamp_min(0)
