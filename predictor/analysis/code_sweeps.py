"""Sweeps: one code varies while the rest of a latent is fixed (Chen et al. 2016, figure 2).

For a generator without codes any entry of the latent can vary, which is the control experiment.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from predictor.errors import SettingsError
from predictor.image_sampler import ImageSampler
from predictor.latents import bounds

COLUMNS = 10
"""Values of a code that is not categorical."""

WIDEST = 2.0
"""Default range of it, each way, as in the paper's figures."""

_Ends = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Sweep:
    """A code and the values that it goes through."""

    name: str
    """``c1`` and on for codes, ``z0`` and on for plain noise."""
    columns: slice
    """Its columns in a latent vector."""
    values: Tensor
    """``(V,)``; of a categorical code the categories."""
    is_categorical: bool
    bounds: _Ends = (-math.inf, math.inf)
    """Range of the code in training."""

    @property
    def title(self) -> str:
        """The code and the ends of its values."""
        return f"{self.name}: {self.values[0]:g} to {self.values[-1]:g}"

    @property
    def beyond(self) -> str | None:
        """A warning if the values exceed the range of training; else None."""
        least, greatest = self.bounds
        # Typed values do not meet a bound such as the root of 3 exactly.
        if least - 1e-6 <= float(self.values.min()) and float(self.values.max()) <= greatest + 1e-6:
            return None
        usual = f"{least:.3g} to {greatest:.3g}"
        return f"{self.title} goes beyond what the model was trained with, {usual}"

    @property
    def turning_points(self) -> Tensor:
        """The values that a series passes through: every category, or both ends."""
        return self.values if self.is_categorical else self.values[[0, -1]]

    def applied(self, latents: Tensor, values: Tensor) -> Tensor:
        """Return ``(N, V, L)``: each of `latents` ``(N, L)`` with each of `values` ``(V,)``."""
        swept = latents[:, None].repeat(1, len(values), 1)
        if self.is_categorical:
            count = self.columns.stop - self.columns.start
            swept[..., self.columns] = functional.one_hot(values.long(), count).to(swept.dtype)
        else:
            swept[..., self.columns] = values[:, None].to(swept.dtype)
        return swept


def parsed_sweep(text: str, sampler: ImageSampler) -> Sweep:
    """Return the sweep that `text` names: ``c1``, ``c2=-2..2``, ``z0``.

    Without a range it is every category, or -2 to 2, or -0.5 to 1.5 for noise from U(0, 1). Raises
    `SettingsError` that names the codes of the model, or what is wrong with the range.
    """
    name, equals, ends = text.partition("=")
    found = _known(name, sampler)
    if found is None:
        raise SettingsError(f"--vary {name}: the model has {_described(sampler)}")
    if not equals:  # what is usual to look at needs no warning
        return replace(found, bounds=(-math.inf, math.inf))
    low, dots, high = ends.partition("..")
    try:
        first, last = float(low), float(high)
    except ValueError:
        first = last = math.nan
    if not dots or not math.isfinite(first) or not math.isfinite(last):
        raise SettingsError(f"--vary {text}: expected a range such as {name}=-2..2")
    return (
        _categories(text, found, first, last)
        if found.is_categorical
        else _numbers(text, found, first, last)
    )


def _categories(text: str, found: Sweep, first: float, last: float) -> Sweep:
    highest = len(found.values) - 1
    is_possible = first.is_integer() and last.is_integer() and 0 <= first <= last <= highest
    if not is_possible:
        raise SettingsError(f"--vary {text}: {found.name} has the categories 0 to {highest}")
    values = found.values[int(first) : int(last) + 1]
    return Sweep(found.name, found.columns, values, is_categorical=True)


def _numbers(text: str, found: Sweep, first: float, last: float) -> Sweep:
    if first == last:
        raise SettingsError(f"--vary {text}: both ends are {first:g}, expected a range")
    values = torch.linspace(first, last, COLUMNS)
    return Sweep(found.name, found.columns, values, False, found.bounds)


def usual_sweeps(sampler: ImageSampler) -> list[Sweep]:
    """Return the sweeps of all codes that the model has."""
    structure = sampler.structure
    if structure is None:
        return []
    sweeps = [
        Sweep(name, structure.columns(name), torch.arange(count).float(), True)
        for name, count in zip(structure.categorical_names, structure.categorical, strict=True)
    ]
    ends = bounds("uniform")
    return sweeps + [
        Sweep(name, structure.columns(name), _widened(ends), False, ends)
        for name in structure.uniform_names
    ]


def _known(name: str, sampler: ImageSampler) -> Sweep | None:
    for sweep in usual_sweeps(sampler):
        if sweep.name == name:
            return sweep
    number = int(name[1:]) if name[:1] == "z" and name[1:].isdecimal() else -1
    if not 0 <= number < sampler.noise_width:
        return None
    ends = bounds(sampler.distribution)
    return Sweep(f"z{number}", slice(number, number + 1), _widened(ends), False, ends)


def _widened(ends: _Ends) -> Tensor:
    """Return values from -2 to 2, or as far beyond the ends of a range that is not around 0."""
    if ends[0] == -ends[1]:
        return torch.linspace(-WIDEST, WIDEST, COLUMNS)
    middle, half_width = (ends[0] + ends[1]) / 2, (ends[1] - ends[0]) / 2
    return middle + half_width * torch.linspace(-WIDEST, WIDEST, COLUMNS)


def _described(sampler: ImageSampler) -> str:
    noise, structure = sampler.noise_width, sampler.structure
    plain = f"z0 to z{noise - 1}" if noise > 1 else "z0" if noise else ""
    if structure is None:
        return f"no codes, only the noise {plain}"
    codes = f"the codes {', '.join(structure.names)}"
    return f"{codes} and the noise {plain}" if plain else codes
