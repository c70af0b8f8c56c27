"""Categories that were found without labels, against labels."""

import torch
from torch import Tensor


def assigned_classes(categories: Tensor, labels: Tensor) -> Tensor:
    """Return the commonest label ``(K,)`` of each category up to the highest one; -1 for none.

    `categories` and `labels` are int64 ``(N,)``, from 0 on. Of two labels that are as common it is
    the lower.
    """
    if not len(labels):
        return torch.empty(0, dtype=torch.int64)
    counts = torch.zeros(int(categories.max()) + 1, int(labels.max()) + 1, dtype=torch.int64)
    counts.index_put_((categories, labels), torch.ones_like(labels), accumulate=True)
    best = counts.max(dim=1)
    return torch.where(best.values > 0, best.indices, -1)


def assigned_class_error(categories: Tensor, labels: Tensor) -> float:
    """Return the share of labels that are not the commonest one of their category.

    Chen et al. 2016, section 7.2: a categorical code as a classifier, each category matched to the
    class that it is right for most often; two categories may have one class. NaN without labels.
    """
    if not len(labels):
        return float("nan")
    return float((assigned_classes(categories, labels)[categories] != labels).double().mean())
