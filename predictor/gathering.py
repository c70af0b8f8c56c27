"""What the processes of a data-parallel run each see of one batch, put together.

A loss that is no mean over examples is that of the whole batch only if it sees all of it.
"""

from typing import Any

import torch
from torch import Tensor, distributed


class _Gathered(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        context.count = len(values)
        parts = [torch.empty_like(values) for _ in range(distributed.get_world_size())]
        distributed.all_gather(parts, values.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        """Return what the losses of all ranks ask of this rank's rows, added up."""
        total = gradients[0].contiguous()
        distributed.all_reduce(total)
        start = context.count * distributed.get_rank()
        return total[start : start + context.count]


def gathered(values: Tensor) -> Tensor:
    """Return the rows of `values` ``(N, ...)`` of all ranks, with gradient; alone `values`.

    All ranks call it at the same point, with as many rows each. Gradients that the loop then
    averages over the ranks are those of the mean of their losses.
    """
    if not is_shared():
        return values
    found: Tensor = _Gathered.apply(values)
    return found


def first_own_row(rows: int) -> int:
    """Return where this rank's `rows` begin among those of all."""
    return rows * distributed.get_rank() if is_shared() else 0


def is_shared() -> bool:
    """Return whether several processes train together."""
    return (
        distributed.is_available()
        and distributed.is_initialized()
        and distributed.get_world_size() > 1
    )
