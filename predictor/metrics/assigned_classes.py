"""Unsupervised categories as a classifier: each stands for the commonest class in it."""

import torch
from torch import Tensor


def assigned_classes(categories: Tensor, labels: Tensor) -> Tensor:
    """Return the commonest label of each category ``0 … K - 1``, int64 ``(K,)``; -1 where empty.

    `categories` and `labels` are int64 ``(N,)``, counted from 0; K - 1 is the highest category
    there. A tie goes to the lowest label.
    """
    if not len(labels):
        return torch.empty(0, dtype=torch.int64)
    counts = torch.zeros(int(categories.max()) + 1, int(labels.max()) + 1, dtype=torch.int64)
    counts.index_put_((categories, labels), torch.ones_like(labels), accumulate=True)
    best = counts.max(dim=1)
    return torch.where(best.values > 0, best.indices, -1)


def assigned_class_error(categories: Tensor, labels: Tensor) -> float:
    """Return the error of `categories` as a classifier, in [0, 1]; NaN without labels.

    Each category answers its commonest label, so that two categories may share a class. Chen et al.
    2016, section 7.2.
    """
    if not len(labels):
        return float("nan")
    return float((assigned_classes(categories, labels)[categories] != labels).double().mean())
