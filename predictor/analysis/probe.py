"""How much a few labels say about features: classifiers fitted on draws of labelled examples.

Radford et al. 2015, section 5, as the code released for SVHN has it: a linear L2-SVM on the
features, its C chosen by the mean error on validation examples over ten draws of the labels, then
the mean and the deviation of the test error over a hundred draws.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.errors import UnusableData
from predictor.progress import Progress
from predictor.wording import class_called

PAPER_COSTS = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2)
"""The values of C that the released code tries."""

VALIDATION_EXAMPLES = 10_000
"""Examples of the training part that choose C (released code); a fifth where that is less."""

Labels = NDArray[np.int64]
Rows = NDArray[np.int64]
Examples = NDArray[Any]
"""Features ``(N, D)`` or pictures ``(N, H, W, C)``: anything that rows can be taken of."""

Predictor = Callable[[Examples], Labels]
Fit = Callable[[Examples, Labels, int], Predictor]
"""Returns what classifies examples, learned from some with their labels; the last is a seed."""


@dataclass(frozen=True, eq=False)
class LabelledExamples:
    """Examples in two parts, with labels."""

    train: Examples
    train_labels: Labels
    test: Examples
    test_labels: Labels


class LabelDraws:
    """Which training examples show their labels: draw after draw, with as many of each class.

    The first examples of a shuffled order are for validation and in no draw. Asked for as many
    labels as there are examples, `testing` yields one draw of all, and `choosing` one of all but
    the validation examples.
    """

    def __init__(
        self, labels: Labels, count: int, seed: int = 0, names: Sequence[str] | None = None
    ) -> None:
        self.labels = labels
        self.count = count
        self.seed = seed
        self.names = names
        """Of the classes, for messages."""
        self.classes = int(labels.max()) + 1
        order = np.random.default_rng([seed, 0]).permutation(len(labels))
        held_out = min(VALIDATION_EXAMPLES, len(labels) // 5)
        self.validation, self._pool = order[:held_out], order[held_out:]
        self._require_possible()

    @property
    def is_whole(self) -> bool:
        """Whether all labels are shown."""
        return self.count == len(self.labels)

    def choosing(self, count: int) -> Iterator[Rows]:
        """Yield the rows of each draw that chooses, `count` of them."""
        if self.is_whole:
            yield self._pool
            return
        for number in range(count):
            yield self._draw(1, number)

    def testing(self, count: int) -> Iterator[Rows]:
        """Yield the rows of each draw that is tested, `count` of them, others than `choosing`."""
        if self.is_whole:
            yield np.arange(len(self.labels))
            return
        for number in range(count):
            yield self._draw(2, number)

    def _draw(self, purpose: int, number: int) -> Rows:
        random = np.random.default_rng([self.seed, purpose, number])
        pool = random.permutation(self._pool)
        per_class = self.count // self.classes
        labels = self.labels[pool]
        rows = [pool[labels == label][:per_class] for label in range(self.classes)]
        return random.permutation(np.concatenate(rows))

    def _require_possible(self) -> None:
        if self.classes < 2:
            raise UnusableData("the pictures are of one class, expected two or more to tell apart")
        if self.is_whole:
            return
        if self.count < self.classes or self.count % self.classes:
            raise UnusableData(
                f"{self.count} labels cannot be shared by {self.classes} classes, expected a "
                f"multiple of {self.classes}, or all {len(self.labels)}"
            )
        per_class = self.count // self.classes
        found = np.bincount(self.labels[self._pool], minlength=self.classes)
        if found.min() < per_class:
            called = class_called(int(found.argmin()), self.names)
            raise UnusableData(
                f"class {called} has {found.min()} examples besides those for validation, "
                f"{self.count} labels need {per_class}"
            )


@dataclass(frozen=True)
class ProbeScore:
    """What one method reached."""

    method: str
    accuracies: tuple[float, ...]
    """On the test part, 0 to 1, one a draw."""
    chosen: str
    """What was chosen on validation examples."""
    validation_errors: Mapping[str, float]
    """Mean error, 0 to 1, of everything that could be chosen."""

    @property
    def mean(self) -> float:
        """Mean accuracy."""
        return float(np.mean(self.accuracies))

    @property
    def spread(self) -> float | None:
        """1.96 standard deviations over the draws (released code); None of a single draw."""
        return 1.96 * float(np.std(self.accuracies)) if len(self.accuracies) > 1 else None


def probed(
    method: str,
    candidates: Mapping[str, Fit],
    examples: LabelledExamples,
    draws: LabelDraws,
    *,
    choosing_draws: int = 10,
    testing_draws: int = 100,
    progress: Progress | None = None,
) -> ProbeScore:
    """Return the score of `method`, the best of its `candidates` on the validation examples.

    Of several that are as good the first is taken. A single candidate is not validated. The same
    draws are shown to every method.
    """
    chosen_by = list(draws.choosing(choosing_draws)) if len(candidates) > 1 else []
    tested_on = list(draws.testing(testing_draws))
    total = len(candidates) * len(chosen_by) + len(tested_on)
    done = 0

    def fitted(fit: Fit, rows: Rows, seed: int) -> Predictor:
        nonlocal done
        predictor = fit(examples.train[rows], examples.train_labels[rows], seed)
        done += 1
        if progress is not None:
            progress(done, total, method)
        return predictor

    errors: dict[str, float] = {}
    if chosen_by:
        held_out, truth = examples.train[draws.validation], examples.train_labels[draws.validation]
        for name, fit in candidates.items():
            found = [
                np.mean(fitted(fit, rows, seed)(held_out) != truth)
                for seed, rows in enumerate(chosen_by)
            ]
            errors[name] = float(np.mean(found))
    chosen = min(errors, key=lambda name: errors[name]) if errors else next(iter(candidates))
    accuracies = [
        float(
            np.mean(fitted(candidates[chosen], rows, seed)(examples.test) == examples.test_labels)
        )
        for seed, rows in enumerate(tested_on)
    ]
    return ProbeScore(method, tuple(accuracies), chosen, errors)


def linear_svms(costs: Sequence[float] = PAPER_COSTS) -> dict[str, Fit]:
    """Return one linear SVM for each C: one class against the rest, squared hinge, L2 penalty."""

    def with_cost(cost: float) -> Fit:
        def fit(features: Examples, labels: Labels, seed: int) -> Predictor:
            from sklearn.exceptions import ConvergenceWarning
            from sklearn.svm import LinearSVC

            machine = LinearSVC(C=cost, loss="squared_hinge", penalty="l2", random_state=seed)
            basis, coordinates = _spanned(features)
            with warnings.catch_warnings():
                # As published: what has not converged in 1,000 rounds is used as it is.
                warnings.simplefilter("ignore", ConvergenceWarning)
                machine.fit(coordinates, labels)
            # In the features' own precision: scikit-learn would copy them all to float64.
            weights = machine.coef_.T if basis is None else basis @ machine.coef_.T
            weights, bias = weights.astype(features.dtype), machine.intercept_
            classes = machine.classes_

            def predict(others: Examples) -> Labels:
                scores = others @ weights + bias
                best = scores.argmax(1) if scores.shape[1] > 1 else (scores[:, 0] > 0).astype(int)
                return np.asarray(classes[best])

            return predict

        return fit

    return {f"C={cost:g}": with_cost(cost) for cost in costs}


def _spanned(features: Examples) -> tuple[NDArray[np.float64] | None, Examples]:
    """Return a basis ``(D, K)`` of what `features` ``(N, D)`` span, and their coordinates in it.

    The basis is orthonormal, the coordinates are ``(N, K)``. Where D is N or less there is none,
    and `features` are returned. The weights of an SVM lie in that span, so fewer numbers make the
    same machine, many times as fast.
    """
    if features.shape[1] <= len(features) or not features.any():
        return None, features
    exact = features.astype(np.float64)
    squares, directions = np.linalg.eigh(exact @ exact.T)
    matters = squares > 1e-12 * squares[-1]
    lengths, directions = np.sqrt(squares[matters]), directions[:, matters]
    return exact.T @ (directions / lengths), directions * lengths
