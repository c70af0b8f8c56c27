"""Features without the correlations of a reference, so that every direction of it counts."""

import torch
from torch import Tensor

from predictor.errors import TensorContractError


def whitened(features: Tensor, reference: Tensor, floor: float = 1e-3) -> Tensor:
    """Return `features` ``(N, D)`` in directions in which `reference` ``(M, D)`` is uncorrelated.

    There `reference` has mean 0 and deviation 1, less in directions whose share of its largest
    variance is not far above `floor`: those hold little but noise. The result is float64. Raises
    `TensorContractError` for a reference of fewer than two rows.
    """
    if len(reference) < 2:
        raise TensorContractError(f"{len(reference)} rows have no covariance, expected two or more")
    rows = reference.to(torch.float64)
    mean = rows.mean(dim=0)
    rows = rows - mean
    values, vectors = torch.linalg.eigh(rows.T @ rows / (len(rows) - 1))
    values = values.clamp_min(0)
    least = floor * values.max().clamp_min(torch.finfo(torch.float64).tiny)
    return (features.to(torch.float64) - mean) @ vectors / (values + least).sqrt()
