"""Series of latents from one picture to the next."""

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from predictor.latents import Distribution, linear_interpolation, spherical_interpolation

Way = Literal["auto", "linear", "spherical"]
"""``auto``: spherical between normal latents, else linear, as Radford et al. 2016 do."""


def interpolations(latents: Tensor, steps: int, way: Way, distribution: Distribution) -> Tensor:
    """Return ``(N - 1, steps, L)``: from each of the latents ``(N, L)`` to the next, both ends."""
    is_round = way == "spherical" or (way == "auto" and distribution == "normal")
    between = spherical_interpolation if is_round else linear_interpolation
    return torch.stack([between(start, end, steps) for start, end in pairwise(latents)])


def closed_walk(latents: Tensor, steps: int, way: Way, distribution: Distribution) -> Tensor:
    """Return ``(N * steps, L)``: from each latent to the next and from the last to the first.

    Each is met once, so that a video of it can be repeated without a jump.
    """
    round_trip = torch.cat((latents, latents[:1]))
    return interpolations(round_trip, steps + 1, way, distribution)[:, :-1].flatten(0, 1)
