"""Random numbers that are a function of their purpose, and that do not depend on the world size.

In data-parallel training every rank draws the numbers for the examples of all ranks from the same
seed and takes the rows of its own: two ranks with half a batch each draw what one with all would.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from hashlib import blake2b

import torch
from torch import Generator, Tensor


def generator_of(*parts: int | str) -> Generator:
    """Return a generator on the CPU whose seed is a hash of `parts`, in their order.

    Parts may be file names that are not valid Unicode.
    """
    coded = "/".join(map(str, parts)).encode(errors="surrogateescape")
    return Generator().manual_seed(int.from_bytes(blake2b(coded, digest_size=8).digest()))


@dataclass
class SharedDraws:
    """The draws of one iteration, of which each rank takes its rows."""

    seed: int
    rank: int
    ranks: int
    generators: dict[torch.device, Generator] = field(default_factory=dict)
    """Already seeded, by device; made from `seed` for a device that has none."""

    def rows(
        self, count: int, device: torch.device | str, draw: Callable[[int, Generator], Tensor]
    ) -> Tensor:
        """Return the `count` rows of this rank out of those that `draw` returns for all ranks."""
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

    For a device in `generators` it draws from that generator, already seeded, instead.
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
    """Return `count` rows of numbers for examples, drawn by ``draw(rows, generator)``.

    They come from `generator` if one is given; else, in a training iteration, they are the rows of
    this rank among those of the whole batch; else they come from the global state.
    """
    shared = _current.get()
    if generator is not None or shared is None:
        return draw(count, generator)
    return shared.rows(count, device, draw)
