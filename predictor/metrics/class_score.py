"""The Inception score, of the probabilities of any classifier."""

import torch
from torch import Tensor

from predictor.errors import TensorContractError


def class_score(probabilities: Tensor, splits: int = 10) -> tuple[float, float]:
    """Return the mean and the deviation over splits of ``exp E KL(p(y|x) ‖ p(y))``.

    `probabilities` are ``(N, K)``. The score is 1 where the classifier answers the same for all
    pictures, and K where it is certain of each and all classes are equally frequent. Only with
    Inception's probabilities is it the Inception score of Salimans et al. 2016, section 4: report
    the network with it. Splits are consecutive rows, so shuffle rows that are sorted by class.
    Raises `TensorContractError` for fewer rows than splits.
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
