"""The rows of a batch gathered from all processes of a data-parallel run.

A loss that is not a mean over examples needs the whole batch on every rank.
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, distributed

_is_alone: ContextVar[bool] = ContextVar("is_alone", default=False)


def gathered(values: Tensor) -> Tensor:
    """Return the rows of `values` ``(N, ...)`` of all ranks, differentiably.

    All ranks must call it at the same point with equal shapes. Once the loop has averaged gradients
    over the ranks, they are those of the mean of the ranks' losses. A single process gets `values`.
    """
    return _Gathered.apply(values) if is_shared() else values


class _Gathered(torch.autograd.Function):
    """The rows of all ranks; each rank's gradient is the sum of what all ranks ask of its rows.

    Gradients come in any order of strides, and collectives want contiguous ones.
    """

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        context.rows = len(values)
        values = values.contiguous()
        parts = [torch.empty_like(values) for _ in range(distributed.get_world_size())]
        distributed.all_gather(parts, values)
        return torch.cat(parts)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        return total.narrow(0, first_own_row(context.rows), context.rows)


def averaged(value: Tensor) -> Tensor:
    """Return the mean of `value` over all ranks, without gradient; alone `value`.

    What a rank divides by so that the mean of all ranks' quotients is that of the whole batch.
    """
    if not is_shared():
        return value
    total = value.detach().clone()
    distributed.all_reduce(total)
    return total / distributed.get_world_size()


def first_own_row(rows: int) -> int:
    """Return the index of this rank's first row among all, where each rank has `rows`."""
    return rows * distributed.get_rank() if is_shared() else 0


@contextlib.contextmanager
def unshared() -> Iterator[None]:
    """Let each rank see inside the block what it passes itself: all of them pass the same."""
    token = _is_alone.set(True)
    try:
        yield
    finally:
        _is_alone.reset(token)


def is_shared() -> bool:
    """Return whether several processes train together, each on its part of a batch."""
    return (
        not _is_alone.get()
        and distributed.is_available()
        and distributed.is_initialized()
        and distributed.get_world_size() > 1
    )
