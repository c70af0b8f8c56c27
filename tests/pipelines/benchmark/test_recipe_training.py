"""The pace of training a recipe: what is computed, what is loaded, and the share of the peak."""

import pytest

from pipelines.benchmark import recipe_training
from pipelines.benchmark.recipe_training import recipe_training_rows

SMALL = {"generator": {"hidden": [8]}, "discriminator": {"hidden": [16]}, "batch_size": 10}
FEW = {**SMALL, "labels": 10, "images": {"validation_count": 50}}


def test_rows_follow_from_the_times(monkeypatch: pytest.MonkeyPatch) -> None:
    # The loop and the computation alone in turn, then the matrix products of the peak.
    seconds = iter([9.0, 9.0, 0.5, 0.2, 0.4, 0.3, 0.6, 0.4, *[2.0**31 / 1e10] * 6])
    monkeypatch.setattr(recipe_training, "_mean", lambda run, count, hardware: next(seconds))
    rows = recipe_training_rows("improved-gan-mnist-100", 200, device="cpu", threads=1, changes=FEW)
    images, epoch, iteration, rest, operations, share = rows
    assert images.value == pytest.approx(10 / 0.5)
    assert epoch.value == pytest.approx(200 / 10 * 0.5)
    assert iteration.value == pytest.approx(500)
    assert rest.value == pytest.approx(100 * (1 - 0.3 / 0.5))
    assert rest.is_met is False
    # The judge learns from 30 pictures, the generator through 20: at least one product each.
    least = 2 * (30 * 3 * 784 * 16) / 0.5
    assert least < 1e12 * operations.value < 4 * least
    assert share.value == pytest.approx(100 * 1e12 * operations.value / 1e10)


def test_an_iteration_is_run() -> None:
    rows = recipe_training_rows(
        "improved-gan-mnist-100", 200, device="cpu", threads=1, rounds=1, iterations=1, changes=FEW
    )
    assert all(row.value > 0 for row in rows if row.at_most is None)
    assert "cpu, fp32" in rows[0].note
