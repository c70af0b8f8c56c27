"""The rows of a batch gathered from all processes of a data-parallel run.

A loss that is not a mean over examples needs the whole batch on every rank.
"""

import torch
from torch import Tensor, distributed


def gathered(values: Tensor) -> Tensor:
    """Return the rows of `values` ``(N, ...)`` of all ranks, differentiably.

    All ranks must call it at the same point with equal shapes. Once the loop has averaged gradients
    over the ranks, they are those of the mean of the ranks' losses. A single process gets `values`.
    """
    if not is_shared():
        return values
    from torch.distributed.nn.functional import all_gather

    parts: tuple[Tensor, ...] = all_gather(values)  # type: ignore[no-untyped-call]
    return torch.cat(parts)


def first_own_row(rows: int) -> int:
    """Return the index of this rank's first row among all, where each rank has `rows`."""
    return rows * distributed.get_rank() if is_shared() else 0


def is_shared() -> bool:
    """Return whether several processes train together."""
    return (
        distributed.is_available()
        and distributed.is_initialized()
        and distributed.get_world_size() > 1
    )
