"""Random numbers that depend on what they are for, and those of a whole batch, whoever computes it.

Under data-parallel training every rank draws the latents of all ranks from one seed and takes the
rows of its own examples: two ranks with half a batch each do what one with the batch does.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from hashlib import blake2b

import torch
from torch import Generator, Tensor


def generator_of(*parts: int | str) -> Generator:
    """Return a generator on the CPU whose seed depends on every part and on their order.

    Parts may be names of files, which need not be text.
    """
    coded = "/".join(map(str, parts)).encode(errors="surrogateescape")
    return Generator().manual_seed(int.from_bytes(blake2b(coded, digest_size=8).digest()))


@dataclass
class SharedDraws:
    """What is drawn one after the other in an iteration, the same on every rank."""

    seed: int
    rank: int
    ranks: int
    generators: dict[torch.device, Generator] = field(default_factory=dict)
    """By device, each already seeded; made where one is missing."""

    def rows(
        self, count: int, device: torch.device | str, draw: Callable[[int, Generator], Tensor]
    ) -> Tensor:
        """Return this rank's `count` rows of what `draw` returns for the rows of all ranks."""
        device = torch.device(device)
        if device not in self.generators:
            self.generators[device] = Generator(device).manual_seed(self.seed)
        drawn = draw(count * self.ranks, self.generators[device])
        return drawn[count * self.rank : count * (self.rank + 1)]


_current: ContextVar[SharedDraws | None] = ContextVar("shared_draws", default=None)


@contextlib.contextmanager
def shared_draws(
    seed: int,
    rank: int = 0,
    ranks: int = 1,
    generators: Mapping[torch.device, Generator] | None = None,
) -> Iterator[None]:
    """Let `drawn_rows` inside the block draw for all `ranks` from `seed`.

    Of a device in `generators` from that one, which is seeded already.
    """
    token = _current.set(SharedDraws(seed, rank, ranks, dict(generators or {})))
    try:
        yield
    finally:
        _current.reset(token)


def drawn_rows(
    count: int,
    device: torch.device | str,
    draw: Callable[[int, Generator | None], Tensor],
    generator: Generator | None = None,
) -> Tensor:
    """Return `count` rows that ``draw(rows, generator)`` makes for examples of a batch.

    From `generator` where one is given; in a training iteration those of this rank among all rows
    of the batch; else from the global state.
    """
    shared = _current.get()
    if generator is not None or shared is None:
        return draw(count, generator)
    return shared.rows(count, device, draw)
