"""Categories as a classifier, against counts made by hand."""

import math

import numpy as np
import torch
from sklearn.metrics.cluster import contingency_matrix

from predictor.metrics import assigned_class_error, assigned_classes


def test_each_category_gets_its_commonest_class() -> None:
    categories = torch.tensor([0, 0, 0, 2, 2, 3, 3, 3])
    labels = torch.tensor([7, 7, 1, 1, 1, 7, 0, 0])
    assert assigned_classes(categories, labels).tolist() == [7, -1, 1, 0]
    assert assigned_class_error(categories, labels) == 2 / 8


def test_a_category_stands_for_its_commonest_class_not_for_one_that_lies_in_it_alone() -> None:
    categories = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1, 1])
    labels = torch.tensor([7, 7, 7, 1, 7, 7, 7, 7, 7])  # all of class 1 are in the first category
    assert assigned_classes(categories, labels).tolist() == [7, 7]


def test_two_categories_may_have_one_class() -> None:
    labels = torch.tensor([4, 4, 4, 5])
    assert assigned_class_error(torch.tensor([0, 1, 1, 2]), labels) == 0
    assert assigned_class_error(torch.zeros(4, dtype=torch.int64), labels) == 0.25


def test_the_error_is_one_less_the_purity() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 10, 500)
    categories = np.where(random.random(500) < 0.7, (3 * labels + 1) % 10, random.integers(10))
    counts = contingency_matrix(labels, categories)
    purity = counts.max(axis=0).sum() / counts.sum()
    found = assigned_class_error(torch.from_numpy(categories), torch.from_numpy(labels))
    assert found == 1 - purity


def test_without_labels_there_is_no_error() -> None:
    nothing = torch.empty(0, dtype=torch.int64)
    assert math.isnan(assigned_class_error(nothing, nothing))
