"""Minibatch discrimination: features of how close an example is to the others of its batch.

They show a discriminator that a generator has collapsed to one picture. Salimans et al. 2016,
section 3.2. Real and generated examples must pass in batches of their own. In data-parallel
training a batch is that of all ranks. Sums over the other examples are scaled to the size of the
first batch that gradients were taken of, so that they are as large as there in a batch of any size:
in evaluation, and where a generator is trained with more examples than its discriminator.
"""

import torch
from torch import Tensor, nn

from predictor.gathering import first_own_row, gathered

_OWN = 1e6
"""Takes the place of the distance of an example to itself, so that its closeness is 0."""


def _distances(projected: Tensor, batch: Tensor) -> Tensor:
    """Return the L1 distances ``(N, M, B)`` of matrices ``(N, B, C)`` to those ``(M, B, C)``."""
    return torch.cdist(projected.transpose(0, 1), batch.transpose(0, 1), p=1).permute(1, 2, 0)


class MinibatchDiscrimination(nn.Module):
    """Appends the sum of an example's closeness to all examples of its batch, for each kernel.

    ``o_b(x_i) = sum_j exp(-|M_ib - M_jb|_1)``, j = i included, as in the paper (section 3.2).
    """

    def __init__(self, features: int, kernels: int = 100, width: int = 5) -> None:
        super().__init__()
        self.kernels = nn.Parameter(torch.randn(kernels, width, features) * 0.05)
        self.register_buffer("trained_count", torch.zeros(()))

    def forward(self, features: Tensor) -> Tensor:
        """Return ``(N, F + B)`` for features ``(N, F)``."""
        projected = torch.einsum("nf,bcf->nbc", features, self.kernels)
        batch = gathered(projected) if self.training else projected
        closeness = torch.exp(-_distances(projected, batch)).sum(dim=1)
        closeness = 1 + (closeness - 1) * _scale(self, len(batch))  # its own is 1 in any batch
        return torch.cat([features, closeness], dim=1)


class NormalizedMinibatchDiscrimination(nn.Module):
    """The layer of the code (``nn.py``, `MinibatchLayer`): j = i is left out of the sum.

    Kernels are normalized to the length ``exp(log_scale)``, and a bias is added to the sums.
    `begin_from` initializes both from data: then the nearest other example is at a distance of 2 on
    average, and the outputs have mean 0.
    """

    def __init__(self, features: int, kernels: int = 100, width: int = 5) -> None:
        super().__init__()
        self.direction = nn.Parameter(torch.randn(kernels, width, features) * 0.05)
        self.log_scale = nn.Parameter(torch.zeros(kernels, width))
        self.bias = nn.Parameter(torch.full((kernels,), -1.0))
        self.register_buffer("trained_count", torch.zeros(()))

    def forward(self, features: Tensor) -> Tensor:
        """Return ``(N, F + B)`` for features ``(N, F)``."""
        projected = self._projected(features)
        batch = gathered(projected) if self.training else projected
        first = first_own_row(len(projected)) if self.training else 0
        closeness = torch.exp(-_to_others(projected, batch, first)).sum(dim=1)
        closeness = closeness * _scale(self, len(batch)) + self.bias
        return torch.cat([features, closeness], dim=1)

    @torch.no_grad()
    def begin_from(self, inputs: Tensor) -> None:
        """Initialize scales and biases from features ``(N, F)``."""
        projected = self._projected(inputs)
        nearest = 0.5 * _to_others(projected, projected).amin(dim=1).mean(dim=0)
        self.log_scale.sub_(nearest.clamp_min(1e-12).log()[:, None])
        projected = self._projected(inputs)
        closeness = torch.exp(-_to_others(projected, projected)).sum(dim=1)
        self.bias.copy_(-closeness.mean(dim=0))

    def _projected(self, features: Tensor) -> Tensor:
        """Return the matrices ``(N, B, C)`` of features ``(N, F)``."""
        lengths = torch.linalg.vector_norm(self.direction, dim=2)
        projected = torch.einsum("nf,bcf->nbc", features, self.direction)
        return projected * (self.log_scale.exp() / lengths)


def _scale(layer: nn.Module, count: int) -> Tensor:
    """Return what to multiply sums over the others of `count` examples by."""
    trained: Tensor = layer.get_buffer("trained_count")
    if layer.training and torch.is_grad_enabled():
        trained.copy_(torch.where(trained > 0, trained, count))
    return torch.where(trained > 0, (trained - 1) / max(1, count - 1), 1.0)


def _to_others(projected: Tensor, batch: Tensor, first: int = 0) -> Tensor:
    """Return `_distances` with `_OWN` where row n is compared with itself, row `first` + n."""
    own = torch.zeros(len(projected), len(batch), device=projected.device, dtype=projected.dtype)
    own.diagonal(first).fill_(_OWN)
    return _distances(projected, batch) + own[..., None]
