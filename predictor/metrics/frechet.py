"""The Fréchet distance between Gaussians fitted to two sets of features."""

import torch
from torch import Tensor

from predictor.errors import TensorContractError


def frechet_distance(real: Tensor, generated: Tensor) -> float:
    """Return ``|m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^½)`` of features ``(N, D)`` and ``(M, D)``.

    Dowson and Landau 1982; Heusel et al. 2017, eq. 6. Only with Inception's features is it the FID:
    report the network with it. Where a side has fewer examples than features no ``D × D`` matrix is
    formed, so the features may be the pixels of large pictures. Raises `TensorContractError` for
    fewer than two examples on a side.
    """
    if min(len(real), len(generated)) < 2:
        raise TensorContractError(
            f"{len(real)} real and {len(generated)} generated examples have no covariance, "
            "expected two or more"
        )
    (mean, rows), (other_mean, other_rows) = _scaled(real), _scaled(generated)
    is_wide = rows.shape[1] > min(len(rows), len(other_rows))
    between = (_root_trace_by_examples if is_wide else _root_trace_by_covariances)(rows, other_rows)
    spread = rows.square().sum() + other_rows.square().sum()  # the traces of both covariances
    return max(0.0, float((mean - other_mean).square().sum() + spread - 2 * between))


def _scaled(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and rows ``X`` ``(N, D)`` with ``X^T X`` the covariance, all in float64."""
    values = features.flatten(1).to(torch.float64, copy=True)
    mean = values.mean(dim=0)
    return mean, values.sub_(mean).div_((len(values) - 1) ** 0.5)


def _root_trace_by_examples(rows: Tensor, others: Tensor) -> Tensor:
    """Return ``tr (C1 C2)^½`` as the sum of the singular values of ``X Y^T`` ``(N, M)``.

    Their squares are the eigenvalues of ``X Y^T Y X^T``, which are those of ``X^T X Y^T Y = C1 C2``
    except for zeros.
    """
    return torch.linalg.svdvals(rows @ others.T).sum()


def _root_trace_by_covariances(rows: Tensor, others: Tensor) -> Tensor:
    """Return ``tr (C1 C2)^½`` as the trace of the root of the symmetric ``C1^½ C2 C1^½``.

    The traces are equal, and this one stays real where features are linearly dependent.
    """
    values, vectors = torch.linalg.eigh(rows.T @ rows)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    return torch.linalg.eigvalsh(root @ (others.T @ others) @ root).clamp_min(0).sqrt().sum()
