"""What the processes of a data-parallel run each see of one batch, put together.

A loss that is no mean over examples is that of the whole batch only if it sees all of it.
"""

import torch
from torch import Tensor, distributed


def gathered(values: Tensor) -> Tensor:
    """Return the rows of `values` ``(N, ...)`` of all ranks, with gradient; alone `values`.

    All ranks call it at the same point, with as many rows each. Gradients that the loop then
    averages over the ranks are those of the mean of their losses.
    """
    if not is_shared():
        return values
    from torch.distributed.nn.functional import all_gather

    parts: tuple[Tensor, ...] = all_gather(values)  # type: ignore[no-untyped-call]
    return torch.cat(parts)


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
