"""Learning-rate factors at the iterations where they are known by heart."""

from typing import Literal

import pytest

from predictor.systems.schedule import (
    cosine,
    exponential,
    linear,
    ramp,
    unbiased,
    warmed_up,
)
from predictor.systems.settings import OptimizerSettings


def test_linear_and_cosine_at_their_quarters() -> None:
    assert [linear(100)(i) for i in (0, 25, 100, 200)] == [1, 0.75, 0, 0]
    assert [linear(10, start=0.5, end=2.5)(i) for i in (0, 5, 10)] == [0.5, 1.5, 2.5]
    half = cosine(100)
    assert [half(i) for i in (0, 50, 100, 200)] == pytest.approx([1, 0.5, 0, 0])
    assert half(25) == pytest.approx(0.5 + 8**-0.5)  # (1 + cos 45 deg) / 2
    assert cosine(100, end=0.1)(50) == pytest.approx(0.55)


def test_exponential_divides_down_to_the_floor() -> None:
    """Goodfellow et al. 2014, code: lr = max(lr0 · 1.000004^-n, 1e-6)."""
    factor = exponential(1.000004, least=1e-6 / 0.1)
    for n in (0, 1, 1000, 250_000):
        assert 0.1 * factor(n) == pytest.approx(0.1 * 1.000004**-n, rel=1e-12)
    assert 0.1 * factor(4_000_000) == pytest.approx(1e-6)
    assert [exponential(2.0, every=3)(i) for i in (2, 3, 5, 6)] == [1, 0.5, 0.5, 0.25]


def test_ramp_stays_within_an_epoch() -> None:
    momentum = ramp(0.5, 0.7, (1, 250), every=500)
    assert [momentum(i) for i in (0, 999)] == [0.5, 0.5]
    assert momentum(1000) == momentum(1499) == pytest.approx(0.5 + 0.2 / 249)
    assert momentum(250 * 500) == momentum(10**7) == pytest.approx(0.7)


def test_a_decay_begins_after_the_share_of_constant_iterations() -> None:
    settings = OptimizerSettings(
        decay="linear", learning_rate=0.3, final_learning_rate=0, constant_share=0.5
    )
    factor = settings.optimizer(iterations=8).learning_rate_factor
    assert factor is not None
    assert [factor(k) for k in (0, 4, 5, 6, 8)] == [1, 1, 0.75, 0.5, 0]


@pytest.mark.parametrize("decay", ["linear", "cosine"])
def test_a_run_too_short_for_the_decay_keeps_its_first_rate(
    decay: Literal["linear", "cosine"],
) -> None:
    settings = OptimizerSettings(decay=decay, constant_share=0.75)
    factor = settings.optimizer(iterations=1).learning_rate_factor
    assert factor is not None
    assert factor(0) == 1


def test_warm_up_multiplies_and_starts_above_zero() -> None:
    factor = warmed_up(exponential(2.0, every=3), 4)
    assert [factor(i) for i in range(5)] == [0.25, 0.5, 0.75, 0.5, 0.5]
    assert warmed_up(linear(10), 0)(0) == 1


def test_an_unbiased_average_is_the_mean_of_what_came_weighted_by_age() -> None:
    values, decay = [3.0, -1.0, 4.0, 1.5], 0.9
    schedule, average = unbiased(decay), 100.0
    for number, value in enumerate(values):
        now = schedule(number)
        average = now * average + (1 - now) * value
    weights = [(1 - decay) * decay ** (len(values) - 1 - n) for n in range(len(values))]
    expected = sum(w * v for w, v in zip(weights, values, strict=True)) / (1 - decay**4)
    assert average == pytest.approx(expected)  # the first 100 has no share
    assert schedule(10**7) == pytest.approx(decay)
