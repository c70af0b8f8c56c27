"""Several processes that train one network, each on its share of every batch.

Together they do what one process does with the whole batch, except where a layer depends on its own
share: batch normalization takes the statistics of each share, dropout and noise are drawn for each.
A system that shows its discriminator half of a batch takes half of each share.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed

from predictor.errors import WorkerLost

WAIT = timedelta(hours=2)
"""How long a rank waits for the others; rank 0 validates and writes while they wait."""


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together; alone it is rank 0 of 1."""

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process writes the checkpoints and reports."""
        return self.rank == 0

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replace every tensor by its mean over the ranks; all ranks pass the same shapes."""
        if self.size == 1 or not tensors:
            return
        flat = torch.cat([tensor.detach().reshape(-1) for tensor in tensors])
        distributed.all_reduce(flat)
        flat /= self.size
        parts = torch.split(flat, [tensor.numel() for tensor in tensors])
        with torch.no_grad():
            for tensor, part in zip(tensors, parts, strict=True):
                tensor.copy_(part.view(tensor.shape))

    def largest(self, number: int) -> int:
        """Return the largest `number` that any rank passed."""
        if self.size == 1:
            return number
        shared = torch.tensor(number)
        distributed.all_reduce(shared, distributed.ReduceOp.MAX)
        return int(shared)

    @contextlib.contextmanager
    def main_first(self) -> Iterator[None]:
        """Run the block on rank 0, then on the others, which find the caches that it wrote."""
        if self.size > 1 and not self.is_main:
            distributed.barrier()
        yield
        if self.size > 1 and self.is_main:
            distributed.barrier()


@contextlib.contextmanager
def joined_ranks(device: torch.device) -> Iterator[Ranks]:
    """Join the processes that ``torchrun`` started, if it did: gloo on CPUs, NCCL on GPUs.

    Raises `WorkerLost` where another of them is gone.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Ranks()
        return
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    distributed.init_process_group(backend, timeout=WAIT)
    try:
        yield Ranks(distributed.get_rank(), distributed.get_world_size())
    except RuntimeError as error:
        if not isinstance(error, distributed.DistError) and "gloo" not in str(error):
            raise
        reason = str(error).strip().splitlines()[0]
        raise WorkerLost(
            f"rank {distributed.get_rank()} lost another process of the run, which ended: killed, "
            f"or out of memory ({reason}); `predictor resume` goes on from the newest checkpoint"
        ) from error
    finally:
        distributed.destroy_process_group()
