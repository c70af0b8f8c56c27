"""Draws of labels, the choice on validation examples, and the classifiers on toy examples."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.svm import LinearSVC

from predictor.analysis.probe import (
    Examples,
    Fit,
    LabelDraws,
    LabelledExamples,
    Labels,
    Predictor,
    ProbeScore,
    linear_svms,
    probed,
)
from predictor.errors import UnusableData

LABELS = np.repeat(np.arange(4), 50)


def blobs(distance: float, count: int = 50, classes: int = 4) -> LabelledExamples:
    """Return points around one centre a class, in ten directions of which two matter."""
    random = np.random.default_rng(0)
    centres = distance * random.normal(size=(classes, 2))
    labels = np.repeat(np.arange(classes), count)

    def points() -> NDArray[np.float32]:
        found = random.normal(size=(len(labels), 10))
        found[:, :2] += centres[labels]
        return found.astype(np.float32)

    return LabelledExamples(points(), labels, points(), labels)


def test_draws_have_as_many_of_each_class_and_none_that_validates() -> None:
    draws = LabelDraws(LABELS, 40, seed=1)
    assert len(draws.validation) == 40
    found = [*draws.choosing(5), *draws.testing(6)]
    assert len(found) == 11
    for rows in found:
        assert np.bincount(LABELS[rows]).tolist() == [10] * 4
        assert len(set(rows)) == 40
        assert not set(rows) & set(draws.validation)
    assert len({tuple(sorted(rows)) for rows in found}) == 11
    again = LabelDraws(LABELS, 40, seed=1)
    assert np.array_equal(next(again.testing(1)), found[5])
    other = LabelDraws(LABELS, 40, seed=2)
    assert not np.array_equal(other.validation, draws.validation)


def test_the_costs_are_those_of_the_released_code() -> None:
    costs = ("0.0001", "0.0002", "0.0005", "0.001", "0.002", "0.005", "0.01")
    assert tuple(linear_svms()) == tuple(f"C={cost}" for cost in costs)


def test_a_large_part_leaves_ten_thousand_for_validation() -> None:
    assert len(LabelDraws(np.arange(60_000) % 10, 1000).validation) == 10_000


def test_all_labels_are_one_draw_and_the_rest_chooses() -> None:
    draws = LabelDraws(LABELS, 200)
    (tested,), (chosen,) = draws.testing(100), draws.choosing(10)
    assert len(tested) == 200
    assert sorted([*chosen, *draws.validation]) == list(range(200))


@pytest.mark.parametrize(
    ("count", "message"),
    [
        (42, "42 labels cannot be shared by 4 classes, expected a multiple of 4, or all 200"),
        (2, "2 labels cannot be shared"),
        (0, "0 labels cannot be shared"),
        (196, r"class \d has \d+ examples besides those for validation, 196 labels need 49"),
        (204, "204 labels need 51"),
    ],
)
def test_draws_that_are_not_possible(count: int, message: str) -> None:
    with pytest.raises(UnusableData, match=message):
        LabelDraws(LABELS, count)


def constant(label: int, seen: list[int]) -> Fit:
    def fit(examples: Examples, labels: Labels, seed: int) -> Predictor:
        seen.append(label)
        return lambda others: np.full(len(others), label)

    return fit


def test_one_class_cannot_be_told_apart() -> None:
    with pytest.raises(UnusableData, match="of one class, expected two"):
        LabelDraws(np.zeros(100, int), 10)


def test_what_errs_least_on_validation_is_tested() -> None:
    labels = np.array([0] * 50 + [1] * 50)
    examples = LabelledExamples(np.zeros((100, 1)), labels, np.zeros((10, 1)), np.ones(10, int))
    draws = LabelDraws(labels, 10)
    share = np.mean(labels[draws.validation] == 1)
    better, worse = (1, 0) if share > 0.5 else (0, 1)
    seen: list[int] = []
    candidates = {str(label): constant(label, seen) for label in (worse, better)}
    score = probed("constant", candidates, examples, draws, choosing_draws=3, testing_draws=4)
    assert seen == [worse] * 3 + [better] * 3 + [better] * 4
    assert score.chosen == str(better)
    assert score.validation_errors == {
        str(better): pytest.approx(min(share, 1 - share)),
        str(worse): pytest.approx(max(share, 1 - share)),
    }
    assert score.accuracies == (float(better),) * 4


def test_what_chose_is_not_what_is_tested() -> None:
    """The draws of labels that choose are others than those that are tested."""
    labels = np.array([0] * 50 + [1] * 50)
    rows = np.arange(100.0)[:, None]
    shown: list[list[float]] = []

    def fit(examples: Examples, labels: Labels, seed: int) -> Predictor:
        shown.append(sorted(examples[:, 0].tolist()))
        return lambda others: np.zeros(len(others), int)

    draws = LabelDraws(labels, 10)
    data = LabelledExamples(rows, labels, rows, labels)
    probed("any", {"a": fit, "b": fit}, data, draws, choosing_draws=3, testing_draws=4)
    choosing, testing = (
        [sorted(r.tolist()) for r in d] for d in (draws.choosing(3), draws.testing(4))
    )
    assert shown == [*choosing, *choosing, *testing]


def test_progress_ends_at_its_total() -> None:
    labels = np.array([0] * 50 + [1] * 50)
    examples = LabelledExamples(np.zeros((100, 1)), labels, np.zeros((10, 1)), np.ones(10, int))
    two = {name: constant(0, []) for name in ("a", "b")}
    for candidates, count, fits in ((two, 10, 10), ({"a": two["a"]}, 10, 4), (two, 100, 3)):
        told: list[tuple[int, int]] = []
        probed(
            "constant",
            candidates,
            examples,
            LabelDraws(labels, count),
            choosing_draws=3,
            testing_draws=4,
            progress=lambda done, total, method, told=told: told.append((done, total)),
        )
        assert told == [(done, fits) for done in range(1, fits + 1)]


def test_the_cost_that_suits_the_data_is_chosen() -> None:
    examples = blobs(distance=6.0)
    draws = LabelDraws(examples.train_labels, 24)
    candidates = linear_svms((1e-7, 1e-2, 1e4))
    score = probed("svm", candidates, examples, draws, choosing_draws=5, testing_draws=8)
    assert score.chosen == "C=0.01"  # one is too weak to learn, one fits the noise of ten axes
    errors = score.validation_errors
    assert errors["C=0.01"] < min(errors["C=1e-07"], errors["C=10000"])
    assert score.mean > 0.65
    assert len(score.accuracies) == 8


@pytest.mark.parametrize("classes", [2, 4])
def test_machines_decide_as_those_of_scikit_learn(classes: int) -> None:
    examples = blobs(1.0, classes=classes)
    machine = LinearSVC(C=0.01, random_state=3).fit(examples.train, examples.train_labels + 5)
    fit = linear_svms((0.01,))["C=0.01"]
    predict = fit(examples.train, examples.train_labels + 5, 3)
    assert np.array_equal(predict(examples.test), machine.predict(examples.test))


@pytest.mark.parametrize("classes", [2, 4])
def test_machines_on_more_features_than_examples_are_the_same(classes: int) -> None:
    examples = blobs(1.0, classes=classes)
    wide = np.random.default_rng(1).normal(size=(10, 300)).astype(np.float32)
    features, others = np.maximum(examples.train @ wide, 0), np.maximum(examples.test @ wide, 0)
    features[2] = features[0]  # they span less than there are of them
    rows = np.arange(0, len(features), 2)
    machine = LinearSVC(C=1e-3, random_state=3, tol=1e-8, max_iter=100_000)
    machine.fit(features[rows], examples.train_labels[rows])
    predict = linear_svms((1e-3,))["C=0.001"](features[rows], examples.train_labels[rows], 3)
    assert np.mean(predict(others) != machine.predict(others)) < 0.01


def test_features_that_are_all_zero_make_a_machine() -> None:
    predict = linear_svms((0.01,))["C=0.01"](np.zeros((4, 9), np.float32), np.arange(4) % 2, 0)
    assert predict(np.zeros((3, 9), np.float32)).shape == (3,)


def test_spread_is_that_of_the_released_code() -> None:
    score = ProbeScore("m", (0.5, 0.7), "", {})
    assert (score.mean, score.spread) == pytest.approx((0.6, 1.96 * 0.1))
    assert ProbeScore("m", (0.5,), "", {}).spread is None
