"""The Fréchet distance between two sets of features, each taken for a Gaussian."""

import torch
from torch import Tensor

from predictor.errors import TensorContractError


def frechet_distance(real: Tensor, generated: Tensor) -> float:
    """Return ``|m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^½)`` of features ``(N, D)`` and ``(M, D)``.

    Dowson and Landau 1982; Heusel et al. 2017, eq. 6. Say which network the features are of: only
    with Inception's is it the FID. The root is taken of a symmetric matrix, ``C1^½ C2 C1^½``, which
    has the same trace of its root and stays real where features are dependent. Raises
    `TensorContractError` for fewer than two examples.
    """
    if min(len(real), len(generated)) < 2:
        raise TensorContractError(
            f"{len(real)} real and {len(generated)} generated examples have no covariance, "
            "expected two or more"
        )
    first, second = real.flatten(1).double(), generated.flatten(1).double()
    difference = first.mean(dim=0) - second.mean(dim=0)
    covariances = torch.cov(first.T).reshape(first.shape[1], -1), torch.cov(second.T)
    one, other = (c.reshape(first.shape[1], first.shape[1]) for c in covariances)
    values, vectors = torch.linalg.eigh(one)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    between = torch.linalg.eigvalsh(root @ other @ root).clamp_min(0).sqrt().sum()
    found = difference.square().sum() + one.trace() + other.trace() - 2 * between
    return max(0.0, float(found))
