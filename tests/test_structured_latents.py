"""Latents of noise and codes: their widths, their names, and how they are drawn."""

import math

import pytest
import torch

from predictor.errors import SettingsError
from predictor.latents import Distribution
from predictor.structured_latents import StructuredLatents

MIXED = StructuredLatents(noise=3, categorical=(2, 4), uniform=2)


@pytest.mark.parametrize(
    ("latents", "width"),
    [
        (StructuredLatents(), 74),
        (StructuredLatents(124, (10, 10, 10, 10), 4), 168),
        (StructuredLatents(128, (10,) * 10, 0), 228),
        (StructuredLatents(128, (), 5), 133),
        (StructuredLatents(128, (20, 20, 20), 1), 189),
    ],
)
def test_widths_of_the_paper(latents: StructuredLatents, width: int) -> None:
    assert latents.width == width
    assert latents.drawn(2).shape == (2, width)


def test_codes_are_named_in_order_and_have_columns() -> None:
    assert MIXED.names == ("c1", "c2", "c3", "c4")
    assert (MIXED.categorical_names, MIXED.uniform_names) == (("c1", "c2"), ("c3", "c4"))
    found = [MIXED.columns(name) for name in MIXED.names]
    assert found == [slice(3, 5), slice(5, 9), slice(9, 10), slice(10, 11)]
    assert MIXED.categorical_columns == slice(3, 9)
    with pytest.raises(KeyError):
        MIXED.columns("c5")


def test_categories_are_one_hot_and_equally_likely() -> None:
    generator = torch.Generator().manual_seed(0)
    latents = MIXED.drawn(20_000, generator=generator)
    for name, categories in (("c1", 2), ("c2", 4)):
        rows = latents[:, MIXED.columns(name)]
        assert set(rows.unique().tolist()) == {0.0, 1.0}
        assert torch.equal(rows.sum(dim=1), torch.ones(len(rows)))
        shares = rows.mean(dim=0)
        deviation = math.sqrt((1 / categories) * (1 - 1 / categories) / len(rows))
        assert (shares - 1 / categories).abs().max() < 4 * deviation


@pytest.mark.parametrize(("distribution", "variance"), [("uniform", 1 / 3), ("normal", 1)])
def test_noise_and_uniform_codes_have_their_distributions(
    distribution: Distribution, variance: float
) -> None:
    structure = StructuredLatents(3, (2,), 2, distribution)
    latents = structure.drawn(20_000, generator=torch.Generator().manual_seed(0))
    assert latents[:, :3].var().item() == pytest.approx(variance, rel=0.03)
    numbers = structure.codes(latents).numbers
    assert numbers.abs().max() <= 1
    assert numbers.var(dim=0).tolist() == pytest.approx([1 / 3, 1 / 3], rel=0.05)
    correlations = torch.corrcoef(latents[:, [0, 1, 2, 3, 5, 6]].T)
    assert (correlations - torch.eye(6)).abs().max() < 0.05


def test_codes_are_recovered_from_latents() -> None:
    latents = MIXED.drawn(50, generator=torch.Generator().manual_seed(1))
    codes = MIXED.codes(latents)
    for name, categories in zip(MIXED.categorical_names, codes.categories, strict=True):
        own = latents[:, MIXED.columns(name)]
        assert torch.equal(own[torch.arange(50), categories], torch.ones(50))
    assert torch.equal(codes.numbers, latents[:, 9:])


def test_the_latents_of_a_picture_do_not_depend_on_its_batch() -> None:
    together = MIXED.of_pictures(5, range(4))
    assert torch.equal(MIXED.of_pictures(5, [2]), together[2:3])
    assert not torch.equal(MIXED.of_pictures(6, [2]), together[2:3])
    assert MIXED.of_pictures(5, []).shape == (0, MIXED.width)


def test_without_a_generator_the_global_state_is_drawn_from() -> None:
    torch.manual_seed(0)
    first = MIXED.drawn(3)
    torch.manual_seed(0)
    assert torch.equal(MIXED.drawn(3), first)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1, (2,), 0), "latents.noise is -1"),
        ((1, (2, 1), 0), r"latents.categorical \[2, 1\]: expected 0 or more, and 2 or more"),
        ((1, (), 0), "expected a code at least; without any it is the system gan"),
    ],
)
def test_impossible_structures_are_refused(
    arguments: tuple[int, tuple[int, ...], int], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        StructuredLatents(*arguments)
