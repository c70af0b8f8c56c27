"""The order of the data: which examples the k-th batch holds, for any k without those before."""

import hashlib
from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Sampler

Key = tuple[int, int]
"""``(epoch, index)``"""


def derived_seed(*parts: int | str) -> int:
    """Return a seed in [0, 2^63) that depends on every part and on their order."""
    digest = hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def epoch_order(seed: int, epoch: int, examples: int) -> list[int]:
    """Return the permutation of ``range(examples)`` in which `epoch` visits them."""
    generator = torch.Generator().manual_seed(derived_seed(seed, "order", epoch))
    order: list[int] = torch.randperm(examples, generator=generator).tolist()
    return order


class OrderedBatches(Sampler[list[Key]]):
    """An endless sequence of batches of keys, from the batch numbered `first_draw` on.

    A batch may hold the end of one epoch and the start of the next, so all batches are full and
    every example appears once per epoch. Each rank gets its slice of a batch, whose examples do not
    depend on the number of ranks. With `is_shuffled`, for data sets that shuffle by themselves,
    every epoch goes from the first example to the last.
    """

    def __init__(
        self,
        examples: int,
        batch_size: int,
        seed: int,
        first_draw: int = 0,
        rank: int = 0,
        ranks: int = 1,
        is_shuffled: bool = False,
    ) -> None:
        if batch_size % ranks:
            raise ValueError(f"a batch of {batch_size} cannot be shared by {ranks} ranks")
        self.examples = examples
        self.batch_size = batch_size
        self.seed = seed
        self.first_draw = first_draw
        self.is_shuffled = is_shuffled
        self.share = range(batch_size // ranks * rank, batch_size // ranks * (rank + 1))

    def __iter__(self) -> Iterator[list[Key]]:
        """Yield the keys of one batch after the other."""
        epoch = -1
        order: Sequence[int] = ()
        start = self.first_draw * self.batch_size
        while True:
            keys = []
            for offset in self.share:
                own_epoch, position = divmod(start + offset, self.examples)
                if own_epoch != epoch:
                    epoch, order = own_epoch, self._order(own_epoch)
                keys.append((epoch, order[position]))
            yield keys
            start += self.batch_size

    def _order(self, epoch: int) -> Sequence[int]:
        if self.is_shuffled:
            return range(self.examples)
        return epoch_order(self.seed, epoch, self.examples)
