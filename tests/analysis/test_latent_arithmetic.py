"""Sums of latents: what is read, what it comes to, what is refused."""

import pytest
import torch

from predictor.analysis.latent_arithmetic import (
    Term,
    arithmetic,
    parsed_terms,
    require_on_sheet,
    term_mean,
    with_neighbours,
)
from predictor.errors import SettingsError

PAPER = "mean(1,5,9) - mean(2,7,8) + mean(3,4,6)"


def test_sum_of_the_paper() -> None:
    terms = parsed_terms(PAPER)
    assert terms == (Term(1, (1, 5, 9)), Term(-1, (2, 7, 8)), Term(1, (3, 4, 6)))
    latents = torch.randn(10, 4, generator=torch.Generator().manual_seed(0))
    expected = (
        (latents[1] + latents[5] + latents[9]) / 3
        - (latents[2] + latents[7] + latents[8]) / 3
        + (latents[3] + latents[4] + latents[6]) / 3
    )
    assert torch.allclose(arithmetic(latents, terms), expected, atol=1e-6)


def test_held_columns_are_those_of_the_first_picture() -> None:
    latents = torch.arange(12.0).reshape(3, 4)
    terms = parsed_terms("-mean(1,2) + 0")
    held = slice(1, 3)
    assert term_mean(latents, terms[0], held).tolist() == [6, 5, 6, 9]
    assert arithmetic(latents, terms, held).tolist() == [-6, 5, 6, -6]
    assert latents[1].tolist() == [4, 5, 6, 7]
    around = with_neighbours(latents[1], 0, held)
    assert torch.equal(around[:, held], latents[1, held].expand(9, -1))
    free = with_neighbours(latents[1], 0)
    assert torch.equal(around[:, [0, 3]], free[:, [0, 3]])


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("7", (Term(1, (7,)),)),
        ("- mean(0) +12", (Term(-1, (0,)), Term(1, (12,)))),
        (" mean( 1 , 2 )-3 ", (Term(1, (1, 2)), Term(-1, (3,)))),
    ],
)
def test_other_sums(text: str, terms: tuple[Term, ...]) -> None:
    assert parsed_terms(text) == terms


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("", "its end"),
        ("mean(1,2", r"mean\(1,2"),
        ("mean(1) mean(2)", r"mean\(2\)"),
        ("mean()", r"mean\(\)"),
        ("1 + two", r"\+ two"),
        ("1 * 2", r"\* 2"),
        ("1 +", r"\+"),
    ],
)
def test_what_is_no_sum_is_shown(text: str, rest: str) -> None:
    with pytest.raises(SettingsError, match=rf"expected \+ or - and a mean .* at '{rest}'"):
        parsed_terms(text)


def test_number_that_the_sheet_lacks() -> None:
    require_on_sheet(parsed_terms(PAPER), 10)
    with pytest.raises(SettingsError, match=r"picture 9 is not on the sheet of 9 \(0 to 8\)"):
        require_on_sheet(parsed_terms(PAPER), 9)


def test_eight_neighbours_around_the_result() -> None:
    latent = torch.full((200,), 3.0)
    around = with_neighbours(latent, seed=1)
    assert around.shape == (9, 200)
    assert torch.equal(around[4], latent)
    noise = around[[0, 1, 2, 3, 5, 6, 7, 8]] - latent
    assert 0.24 < noise.abs().max().item() <= 0.25
    assert len({tuple(row.tolist()) for row in noise}) == 8
    assert torch.equal(with_neighbours(latent, 1), around)
    assert not torch.equal(with_neighbours(latent, 2), around)
