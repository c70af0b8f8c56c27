"""Latent vectors of generators: how they are drawn, numbered by picture, and interpolated.

The latent of a picture depends on a seed and the number of the picture alone, not on its batch.
"""

import math
from collections.abc import Iterable
from hashlib import blake2b
from typing import Literal, assert_never

import torch
from torch import Generator, Tensor
from torch.nn import functional

from predictor.draws import drawn_rows

Distribution = Literal["uniform", "unit_uniform", "positive_uniform", "normal"]
"""Distribution of each entry: U(-1, 1) (Radford et al. 2016); U(-√3, √3), with variance 1 (code of
Goodfellow et al. 2014); U(0, 1) (code of Salimans et al. 2016); N(0, 1)."""


def bounds(distribution: Distribution) -> tuple[float, float]:
    """Return the lower and the upper bound of an entry."""
    match distribution:
        case "normal":
            return -math.inf, math.inf
        case "uniform":
            return -1.0, 1.0
        case "unit_uniform":
            return -math.sqrt(3.0), math.sqrt(3.0)
        case "positive_uniform":
            return 0.0, 1.0
        case _:
            assert_never(distribution)


def drawn_latents(
    distribution: Distribution,
    shape: tuple[int, ...],
    device: torch.device | str = "cpu",
    generator: Generator | None = None,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Return a tensor of `shape` on `device` with independent entries.

    Its `dtype` is PyTorch's default unless given: a run may train in float64.

    The first axis counts examples: without a `generator` they are drawn by `drawn_rows`, so that in
    training they do not depend on the number of ranks.
    """

    def draw(rows: int, source: Generator | None) -> Tensor:
        whole = (rows, *shape[1:])
        if distribution == "normal":
            return torch.randn(whole, generator=source, device=device, dtype=dtype)
        drawn = torch.rand(whole, generator=source, device=device, dtype=dtype)
        if distribution == "positive_uniform":
            return drawn
        return (2 * drawn - 1) * bounds(distribution)[1]

    return drawn_rows(shape[0], device, draw, generator)


def picture_generator(seed: int, number: int, purpose: str = "latent") -> Generator:
    """Return the generator, on the CPU, of what is drawn for the picture `number`."""
    # not `generator_of`, whose seed is one bit longer: numbered pictures must stay what they are
    digest = blake2b(f"{seed}/{number}/{purpose}".encode(), digest_size=8).digest()
    return Generator().manual_seed(int.from_bytes(digest) >> 1)


def picture_latents(
    distribution: Distribution, shape: tuple[int, ...], seed: int, numbers: Iterable[int]
) -> Tensor:
    """Return the latents ``(N, *shape)`` of the pictures of these `numbers`, on the CPU.

    A row depends on `seed` and on its own number alone.
    """
    rows = [
        drawn_latents(
            distribution, shape, generator=picture_generator(seed, number), dtype=torch.float32
        )
        for number in numbers
    ]
    return torch.stack(rows) if rows else torch.empty(0, *shape)


def linear_interpolation(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """Return `steps` points ``(steps, ...)`` evenly spaced from `start` to `end`, both included.

    Radford et al. 2016, section 6.1. With one step it is `start`.
    """
    shares = _shares(start, steps)
    # not start + share * (end - start): the last point must be `end` bit for bit
    return (1 - shares) * start + shares * end


def spherical_interpolation(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """Return `steps` points ``(steps, ...)`` at even angles from `start` to `end`, both included.

    For normal latents, whose length hardly varies: a straight line would pass through lengths that
    the generator never saw (White 2016, eq. 1). Nearly parallel vectors are interpolated linearly,
    and so are opposite ones, between which no arc is shortest.
    """
    first, last = (
        functional.normalize(start.flatten(), dim=0),
        functional.normalize(end.flatten(), dim=0),
    )
    angle = torch.acos((first * last).sum().double().clamp(-1, 1))
    if float(angle.sin()) < 1e-4:
        return linear_interpolation(start, end, steps)
    shares = _shares(start, steps).double()
    before, after = ((1 - shares) * angle).sin() / angle.sin(), (shares * angle).sin() / angle.sin()
    points = (before * start + after * end).to(start.dtype)
    points[0] = start
    if steps > 1:
        points[-1] = end
    return points


def _shares(like: Tensor, steps: int) -> Tensor:
    """Return `steps` numbers from 0 to 1, shaped ``(steps, 1, …)`` to multiply `like`."""
    shares = torch.linspace(0, 1, steps, dtype=like.dtype, device=like.device)
    return shares.reshape(-1, *[1] * like.ndim)
