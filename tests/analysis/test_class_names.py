"""Labels of data become those of a model by what the classes are called."""

from pathlib import Path

import numpy as np
import pytest

from predictor.analysis.class_names import labels_of_model
from predictor.errors import UnusableData

DATA = Path("data")


def matched(labels: list[int], data_names: list[str] | None, names: list[str]) -> list[int]:
    return labels_of_model(DATA, np.array(labels), data_names, names).tolist()


def test_names_are_matched() -> None:
    assert matched([0, 1, 1], ["cow", "ant"], ["ant", "bee", "cow"]) == [2, 0, 0]
    with pytest.raises(UnusableData, match="has the class 'dog', which the model does not tell"):
        matched([0, 1], ["cow", "dog"], ["ant", "bee", "cow"])


def test_numbers_are_names_or_places() -> None:
    assert matched([2, 10, 1], None, ["1", "10", "2"]) == [2, 1, 0]
    assert matched([2, 0], None, ["ant", "bee", "cow"]) == [2, 0]


def test_numbers_are_not_places_of_other_numbers() -> None:
    with pytest.raises(UnusableData, match="class '0', which the model does not tell; it tells 1"):
        matched([0, 1, 2], None, ["1", "10", "2"])
