"""How sure a mean is."""

import torch
from torch import Tensor


def bootstrap_interval(
    values: Tensor, generator: torch.Generator, confidence: float = 0.95, resamples: int = 10_000
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of the mean of `values` ``(N,)``.

    The values must be independent: means of clips, not of the windows of one clip. `generator` is
    on the CPU. One value gives an interval of no width. Raises `ValueError` if there is none.
    """
    if values.ndim != 1 or not len(values):
        raise ValueError(
            f"values have shape {tuple(values.shape)}, expected (N,) with N at least 1"
        )
    values = values.detach().double().cpu()
    draws = torch.randint(len(values), (resamples, len(values)), generator=generator)
    means = values[draws].mean(dim=1)
    tail = (1 - confidence) / 2
    low, high = means.quantile(torch.tensor([tail, 1 - tail], dtype=torch.float64)).tolist()
    return low, high
