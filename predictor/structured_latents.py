"""Latents made of noise and of codes, which a network learns to recover from the pictures.

Chen et al. 2016, section 5: a latent vector is noise, then categorical codes, each one-hot, then
codes from U(-1, 1). The codes are named ``c1``, ``c2``, … in that order.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Generator, Tensor
from torch.nn import functional

from predictor.errors import SettingsError
from predictor.latents import Distribution, drawn_latents, picture_generator


class Codes(NamedTuple):
    """The values of the codes in a batch of latents."""

    categories: tuple[Tensor, ...]
    """For each categorical code the category, int64 ``(N,)``."""

    numbers: Tensor
    """The uniform codes, ``(N, U)``."""


@dataclass(frozen=True)
class StructuredLatents:
    """The parts of a latent vector; the defaults are those for MNIST (section 7.2)."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    noise: int = 62
    """Numbers of noise."""

    categorical: tuple[int, ...] = (10,)
    """Number of categories of each categorical code, all equally likely."""

    uniform: int = 2
    """Number of codes from U(-1, 1)."""

    distribution: Distribution = "uniform"
    """Distribution of the noise."""

    def __post_init__(self) -> None:
        if min(self.noise, self.uniform) < 0 or any(count < 2 for count in self.categorical):
            raise SettingsError(
                f"latents.noise is {self.noise}, latents.uniform {self.uniform}, "
                f"latents.categorical {list(self.categorical)}: expected 0 or more, and 2 or more "
                "categories a code"
            )
        if not self.categorical and not self.uniform:
            raise SettingsError(
                "latents.categorical is empty and latents.uniform 0: expected a code at least; "
                "without any it is the system gan"
            )

    @property
    def width(self) -> int:
        """Numbers in a latent vector."""
        return self.noise + sum(self.categorical) + self.uniform

    @property
    def categorical_names(self) -> tuple[str, ...]:
        """Names of the categorical codes, from ``c1``."""
        return tuple(f"c{number}" for number in range(1, len(self.categorical) + 1))

    @property
    def uniform_names(self) -> tuple[str, ...]:
        """Names of the uniform codes, which follow the categorical ones."""
        first = len(self.categorical) + 1
        return tuple(f"c{number}" for number in range(first, first + self.uniform))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all codes."""
        return self.categorical_names + self.uniform_names

    @property
    def categorical_columns(self) -> slice:
        """The columns of latents that hold the categorical codes."""
        return slice(self.noise, self.noise + sum(self.categorical))

    def columns(self, name: str) -> slice:
        """Return the columns of latents that hold the code `name`; `KeyError` if there is none."""
        start = self.noise
        for known, width in zip(self.names, (*self.categorical, *[1] * self.uniform), strict=True):
            if known == name:
                return slice(start, start + width)
            start += width
        raise KeyError(name)

    def drawn(
        self,
        count: int,
        device: torch.device | str = "cpu",
        generator: Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        """Return `count` latents ``(count, width)`` on `device`, drawn as by `drawn_latents`."""
        parts = [drawn_latents(self.distribution, (count, self.noise), device, generator, dtype)]
        for categories in self.categorical:
            places = drawn_latents("uniform", (count,), device, generator, dtype)
            chosen = ((places + 1) * categories / 2).long().clamp_max(categories - 1)
            parts.append(functional.one_hot(chosen, categories).to(parts[0].dtype))
        parts.append(drawn_latents("uniform", (count, self.uniform), device, generator, dtype))
        return torch.cat(parts, dim=1)

    def of_pictures(self, seed: int, numbers: Iterable[int]) -> Tensor:
        """Return the latents ``(N, width)`` of the pictures with these `numbers`, on the CPU.

        A row depends on `seed` and its own number alone.
        """
        rows = [
            self.drawn(1, generator=picture_generator(seed, number), dtype=torch.float32)
            for number in numbers
        ]
        return torch.cat(rows) if rows else torch.empty(0, self.width)

    def codes(self, latents: Tensor) -> Codes:
        """Return the codes in latents ``(N, width)``; a category is the largest of its entries."""
        sizes = [self.noise, *self.categorical, self.uniform]
        _, *categorical, numbers = torch.split(latents, sizes, dim=1)
        return Codes(tuple(part.argmax(dim=1) for part in categorical), numbers)
