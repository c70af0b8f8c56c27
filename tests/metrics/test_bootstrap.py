from math import sqrt

import pytest
import torch

from predictor.metrics import bootstrap_interval


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_the_interval_of_many_normal_values_is_that_of_theory():
    values = torch.randn(400, generator=seeded())
    low, high = bootstrap_interval(values, seeded())
    half = 1.96 * values.std(correction=0).item() / sqrt(400)
    assert low == pytest.approx(values.mean().item() - half, abs=0.1 * half)
    assert high == pytest.approx(values.mean().item() + half, abs=0.1 * half)


def test_two_values_by_hand():
    # Means 0, 1/2, 1 with probabilities 1/4, 1/2, 1/4: the middle 40 % are all 1/2.
    values = torch.tensor([0.0, 1.0])
    assert bootstrap_interval(values, seeded(), confidence=0.4) == (0.5, 0.5)
    assert bootstrap_interval(values, seeded(), confidence=0.6) == (0.0, 1.0)


def test_equal_values_leave_no_doubt():
    assert bootstrap_interval(torch.full((7,), 3.0), seeded()) == (3.0, 3.0)


def test_the_same_generator_gives_the_same_interval():
    values = torch.rand(20, generator=seeded())
    assert bootstrap_interval(values, seeded()) == bootstrap_interval(values, seeded())


@pytest.mark.parametrize("values", [torch.empty(0), torch.zeros(2, 2)])
def test_other_shapes_are_refused(values: torch.Tensor):
    with pytest.raises(ValueError, match="at least 1"):
        bootstrap_interval(values, seeded())
