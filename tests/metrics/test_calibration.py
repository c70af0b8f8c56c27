"""Calibration on numbers that can be counted by hand."""

import pytest
import torch

from predictor.errors import TensorContractError
from predictor.metrics import calibration


def two_classes(*sure: float) -> torch.Tensor:
    first = torch.tensor(sure, dtype=torch.float64)
    return torch.stack([first, 1 - first], dim=1)


def test_bins_hold_mean_confidence_and_accuracy() -> None:
    probabilities = two_classes(0.95, 0.85, 0.9, 0.6, 0.3)  # the last answers class 1 with 0.7
    labels = torch.tensor([0, 1, 0, 0, 1])
    found = calibration(probabilities, labels, bins=10)
    assert found.counts.tolist() == [0, 0, 0, 0, 0, 1, 1, 0, 2, 1]  # a bin includes its upper end
    assert found.confidence[[5, 6, 8, 9]].tolist() == pytest.approx([0.6, 0.7, 0.875, 0.95])
    assert found.accuracy[[5, 6, 8, 9]].tolist() == [1, 1, 0.5, 1]
    assert found.accuracy[0].isnan()
    expected = (0.4 + 0.3 + 2 * 0.375 + 0.05) / 5
    assert found.expected_error == pytest.approx(expected)


def test_a_calibrated_classifier_has_no_error() -> None:
    labels = torch.tensor([0, 0, 0, 1])
    assert calibration(two_classes(*[0.75] * 4), labels).expected_error == pytest.approx(0)
    assert calibration(two_classes(*[1.0] * 3), labels[:3]).expected_error == 0


@pytest.mark.parametrize(
    ("probabilities", "labels"),
    [
        (torch.zeros(0, 2), torch.zeros(0)),
        (torch.zeros(1, 2), torch.zeros(2)),
        (torch.zeros(1, 2), torch.zeros(1, 1)),
        (torch.zeros(1), torch.zeros(1)),
    ],
)
def test_shapes_that_do_not_fit_and_no_examples_are_refused(
    probabilities: torch.Tensor, labels: torch.Tensor
) -> None:
    with pytest.raises(TensorContractError, match=r"expected \(N, K\) and \(N,\)"):
        calibration(probabilities, labels.long())
