"""How sure a classifier is of each picture, and how many classes it finds in all of them."""

import torch
from torch import Tensor

from predictor.errors import TensorContractError


def class_score(probabilities: Tensor, splits: int = 10) -> tuple[float, float]:
    """Return ``exp E KL(p(y|x) ‖ p(y))`` of ``(N, K)``: its mean and deviation over splits.

    1 where all pictures look alike to the classifier, K where each is surely of one class and all
    classes are as many. With Inception's probabilities it is the Inception score, Salimans et al.
    2016, section 4; say which network they are of. The first N / `splits` rows are a split, and so
    on; rows that are sorted by class must be mixed before. Raises `TensorContractError` for fewer
    rows than splits.
    """
    if probabilities.ndim != 2 or len(probabilities) < splits or splits < 1:
        raise TensorContractError(
            f"probabilities are {tuple(probabilities.shape)}, expected (N, K) with {splits} rows "
            "or more, one a split"
        )
    found = []
    for part in torch.tensor_split(probabilities.double(), splits):
        divergence = torch.xlogy(part, part) - torch.xlogy(part, part.mean(dim=0))
        found.append(divergence.sum(dim=1).mean().exp())
    scores = torch.stack(found)
    return float(scores.mean()), float(scores.std(correction=0))
