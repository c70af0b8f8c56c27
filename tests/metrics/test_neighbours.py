"""Neighbours against scikit-learn; precision and recall on modes that are known."""

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from torch.utils._python_dispatch import TorchDispatchMode

from predictor.errors import TensorContractError
from predictor.metrics import nearest, nearest_class_error, precision_and_recall


def drawn(count: int, seed: int) -> torch.Tensor:
    return torch.randn(count, 3, 4, generator=torch.Generator().manual_seed(seed))


def test_neighbours_are_those_of_scikit_learn() -> None:
    points, others = drawn(600, 0), drawn(50, 1)
    found = nearest(points, others, 3)
    reference = NearestNeighbors(n_neighbors=3).fit(others.flatten(1).numpy())
    distances, rows = reference.kneighbors(points.flatten(1).numpy())
    assert np.array_equal(found.rows.numpy(), rows)
    assert np.allclose(found.distances.numpy(), distances, atol=1e-5)


def test_blocks_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    points, others = drawn(300, 0), drawn(50, 1)
    whole, alone = nearest(points, others, 3), nearest(points, points, 2, are_same=True)
    monkeypatch.setattr("predictor.metrics.neighbours._BLOCK", 7)
    for found, expected in (
        (nearest(points, others, 3), whole),
        (nearest(points, points, 2, are_same=True), alone),
    ):
        assert torch.equal(found.rows, expected.rows)
        assert torch.allclose(found.distances, expected.distances, rtol=1e-9, atol=0)


class Largest(TorchDispatchMode):
    """Remembers the most numbers that an operation has returned."""

    numbers = 0

    def __torch_dispatch__(
        self, operation: Any, types: Any, arguments: Any = (), options: Any = None
    ) -> Any:
        found = operation(*arguments, **(options or {}))
        if isinstance(found, torch.Tensor) and found.dtype == torch.float64:
            self.numbers = max(self.numbers, found.numel())
        return found


def test_many_others_are_not_copied_whole() -> None:
    points, others = torch.zeros(5, 20), torch.zeros(9000, 20)
    with Largest() as largest:
        nearest(points, others)
    assert 0 < largest.numbers <= 4096 * 20


def test_no_point_is_its_own_neighbour() -> None:
    points = drawn(600, 0)
    points[400] = points[7]
    found = nearest(points, points, are_same=True)
    assert (found.rows[:, 0] != torch.arange(600)).all()
    assert (found.rows[400], found.distances[400]) == (7, 0)
    assert found.distances.sort(dim=0).values[2] > 0.1


def test_close_neighbours_far_from_zero_are_told_apart() -> None:
    others = torch.tensor([[1e4, 0.0], [1e4 + 1e-2, 0.0]])
    found = nearest(torch.tensor([[1e4 + 0.75e-2, 0.0]]), others)
    assert found.rows.item() == 1


def test_nearest_class_error_is_that_of_scikit_learn() -> None:
    points, samples = drawn(200, 0), drawn(80, 1)
    labels, sample_labels = torch.arange(200) % 4, torch.arange(80) % 4
    reference = KNeighborsClassifier(1).fit(samples.flatten(1).numpy(), sample_labels.numpy())
    expected = 1 - reference.score(points.flatten(1).numpy(), labels.numpy())
    found = nearest_class_error(points, labels, samples, sample_labels)
    assert found == pytest.approx(expected)
    assert nearest_class_error(points, labels, points, labels) == 0


def test_precision_and_recall_need_more_points_than_neighbours() -> None:
    points = drawn(4, 0)
    assert precision_and_recall(points, points) == (1, 1)
    for real, generated in ((points[:3], points), (points, points[:3])):
        with pytest.raises(TensorContractError, match="expected more than 3 of each"):
            precision_and_recall(real, generated)


def test_precision_and_recall_are_half_where_one_mode_of_two_is_right() -> None:
    noise = drawn(90, 0).flatten(1)[:, :2] * 0.1
    left, right, away = noise[:30], noise[30:60] + 10, noise[60:] - 50
    real = torch.cat((left, right))
    generated = torch.cat((left + 0.01, away))
    precision, recall = precision_and_recall(real, generated)
    assert precision == pytest.approx(0.5)
    assert recall == pytest.approx(0.5)
    assert precision_and_recall(real, real) == (1, 1)


def test_precision_and_recall_do_not_depend_on_an_offset() -> None:
    real, generated = drawn(90, 0).flatten(1).double(), drawn(80, 1).flatten(1).double()
    near = precision_and_recall(real, generated)
    assert 0.5 < min(near) < 1
    assert precision_and_recall(real + 1e8, generated + 1e8) == near
