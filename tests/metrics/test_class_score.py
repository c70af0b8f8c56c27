"""The Inception score: closed forms, and the formula in numpy."""

import numpy as np
import pytest
import torch

from predictor.errors import TensorContractError
from predictor.metrics import class_score


def test_the_score_goes_from_one_to_the_number_of_classes() -> None:
    uniform = torch.full((50, 7), 1 / 7)
    assert class_score(uniform) == pytest.approx((1, 0), abs=1e-12)
    certain = torch.eye(7).repeat(30, 1)
    assert class_score(certain, splits=10) == pytest.approx((7, 0), abs=1e-12)
    one_class = torch.eye(7)[:1].repeat(20, 1)
    assert class_score(one_class) == pytest.approx((1, 0), abs=1e-12)


def test_splits_are_consecutive_rows_and_scored_separately() -> None:
    halves = torch.cat((torch.eye(2).repeat(5, 1), torch.eye(2)[:1].repeat(10, 1)))
    assert class_score(halves, splits=2) == pytest.approx((1.5, 0.5))
    shares = np.array([15 / 20, 5 / 20])
    whole = np.exp(-(shares * np.log(shares)).sum())
    assert class_score(halves, splits=1) == pytest.approx((whole, 0))


def test_against_the_formula_in_numpy() -> None:
    rows = np.random.default_rng(0).dirichlet(np.ones(5), 40)
    marginal = rows.mean(0)
    wanted = np.exp(
        np.mean([sum(p * np.log(p / m) for p, m in zip(r, marginal, strict=True)) for r in rows])
    )
    assert class_score(torch.from_numpy(rows), splits=1)[0] == pytest.approx(wanted, rel=1e-12)


def test_fewer_rows_than_splits_are_refused() -> None:
    with pytest.raises(TensorContractError, match="expected"):
        class_score(torch.full((9, 3), 1 / 3), splits=10)
