"""Series of latents from one picture to the next."""

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from predictor.image_sampler import ImageSampler
from predictor.latents import linear_interpolation, spherical_interpolation

Way = Literal["auto", "linear", "spherical"]
"""Of the noise. ``auto``: spherical where it is normal, else linear, as Radford et al. 2016 do.

Codes always go straight: those of U(-1, 1) fill a cube, and of a category that becomes another the
shares add up to 1 all the way.
"""


def interpolations(latents: Tensor, steps: int, way: Way, sampler: ImageSampler) -> Tensor:
    """Return ``(N - 1, steps, L)``: from each of the latents ``(N, L)`` to the next, both ends.

    The latents are those of `sampler`.
    """
    is_round = way == "spherical" or (way == "auto" and sampler.distribution == "normal")
    between = spherical_interpolation if is_round else linear_interpolation
    noise, codes = latents.tensor_split([sampler.noise_width], dim=1)
    ways = [
        torch.cat((between(*noise_ends, steps), linear_interpolation(*code_ends, steps)), dim=1)
        for noise_ends, code_ends in zip(pairwise(noise), pairwise(codes), strict=True)
    ]
    return torch.stack(ways)


def closed_walk(latents: Tensor, steps: int, way: Way, sampler: ImageSampler) -> Tensor:
    """Return ``(N * steps, L)``: from each latent to the next and from the last to the first.

    Each is met once, so that a video of it can be repeated without a jump.
    """
    round_trip = torch.cat((latents, latents[:1]))
    return interpolations(round_trip, steps + 1, way, sampler)[:, :-1].flatten(0, 1)
