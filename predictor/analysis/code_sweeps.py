"""Sheets of one code varied, a row of pictures for each fixed noise: Chen et al. 2016, figure 2."""

import torch
from torch import Tensor

from predictor.image_sampler import ImageSampler
from predictor.structured_latents import StructuredLatents

ROWS, COLUMNS = 10, 10
WIDEST = 2.0
"""How far uniform codes are varied each way where nothing else is asked for: twice their range, as
the paper's figures do."""


def usual_values(structure: StructuredLatents, name: str) -> Tensor:
    """Return the values that the code `name` takes on a sheet: every category, or -2 to 2."""
    if name in structure.categorical_names:
        count = structure.categorical[structure.categorical_names.index(name)]
        return torch.arange(count).float()
    return torch.linspace(-WIDEST, WIDEST, COLUMNS)


def swept_latents(
    structure: StructuredLatents, latents: Tensor, name: str, values: Tensor
) -> Tensor:
    """Return ``(N * V, L)``: each of `latents` ``(N, L)`` with each of `values` for the code."""
    swept = latents.repeat_interleave(len(values), dim=0)
    columns = structure.columns(name)
    given = values.repeat(len(latents))
    if name in structure.categorical_names:
        swept[:, columns] = torch.nn.functional.one_hot(
            given.long(), columns.stop - columns.start
        ).float()
    else:
        swept[:, columns] = given[:, None]
    return swept


def usual_sweep(sampler: ImageSampler, name: str, seed: int) -> tuple[Tensor, int]:
    """Return the pictures of the usual sheet of the code `name`, row by row, and its columns."""
    structure = sampler.structure
    assert structure is not None
    values = usual_values(structure, name)
    latents = swept_latents(structure, sampler.latents(seed, range(ROWS)), name, values)
    return sampler.images(latents), len(values)
