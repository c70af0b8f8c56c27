"""Sums of latents of pictures that a person chose: ``mean(1,5,9) - mean(2,7,8) + mean(3,4,6)``.

Radford et al. 2016, section 6.3.2: averages of three exemplars a concept, since single exemplars
were unstable, and eight pictures of the result with noise added. Categorical codes have no sums:
their columns are held.
"""

import re
from dataclasses import dataclass

import torch
from torch import Tensor

from predictor.errors import SettingsError
from predictor.latents import drawn_latents, picture_generator

NEIGHBOUR_SCALE = 0.25
"""Half the width of the uniform noise of the neighbours."""

NEIGHBOURS = 8

_NONE = slice(0, 0)

_TERM = re.compile(r"\s*([+-]?)\s*(?:mean\(\s*(\d+(?:\s*,\s*\d+)*)\s*\)|(\d+))\s*")


@dataclass(frozen=True)
class Term:
    """A mean of the latents of some pictures, added or subtracted."""

    sign: int
    numbers: tuple[int, ...]


def parsed_terms(expression: str) -> tuple[Term, ...]:
    """Return the terms of `expression`: means of picture numbers, or a number, with + or -.

    Raises `SettingsError` that shows where it is no such sum.
    """
    terms: list[Term] = []
    place = 0
    while place < len(expression) or not terms:
        match = _TERM.match(expression, place)
        if match is None or (terms and not match[1]):
            rest = expression[place:].strip() or "its end"
            raise SettingsError(
                f"--arithmetic {expression!r}: expected + or - and a mean such as mean(1,5,9) at "
                f"{rest!r}"
            )
        numbers = tuple(int(number) for number in (match[2] or match[3]).split(","))
        terms.append(Term(-1 if match[1] == "-" else 1, numbers))
        place = match.end()
    return tuple(terms)


def require_on_sheet(terms: tuple[Term, ...], count: int) -> None:
    """Raise `SettingsError` if a term names a picture that a sheet of `count` pictures lacks."""
    for term in terms:
        for number in term.numbers:
            if number >= count:
                raise SettingsError(
                    f"--arithmetic: picture {number} is not on the sheet of {count} (0 to "
                    f"{count - 1}); -n makes a larger one"
                )


def term_mean(latents: Tensor, term: Term, held: slice = _NONE) -> Tensor:
    """Return the mean ``(L,)``, without its sign, of a term over the latents ``(N, L)``.

    The columns `held` are those of the first picture of the term.
    """
    mean = latents[list(term.numbers)].mean(dim=0)
    mean[held] = latents[term.numbers[0], held]
    return mean


def arithmetic(latents: Tensor, terms: tuple[Term, ...], held: slice = _NONE) -> Tensor:
    """Return the sum ``(L,)`` of the terms over the latents ``(N, L)`` of the pictures.

    The columns `held` are those of the first picture of the first term.
    """
    total = torch.stack([term.sign * term_mean(latents, term) for term in terms]).sum(dim=0)
    total[held] = latents[terms[0].numbers[0], held]
    return total


def with_neighbours(latent: Tensor, seed: int, held: slice = _NONE) -> Tensor:
    """Return nine latents ``(9, L)``: `latent` in the middle, four neighbours on either side of it.

    A neighbour is `latent` with noise from U(-0.25, 0.25) added, which depends on `seed`, but for
    the columns `held`.
    """
    noise = torch.stack(
        [
            drawn_latents("uniform", tuple(latent.shape), generator=generator)
            for generator in (
                picture_generator(seed, number, "neighbour") for number in range(NEIGHBOURS)
            )
        ]
    )
    noise[:, held] = 0
    around = latent + NEIGHBOUR_SCALE * noise
    half = NEIGHBOURS // 2
    return torch.cat((around[:half], latent[None], around[half:]))
