import math

import pytest
import torch

from predictor.errors import TensorContractError
from predictor.losses import setback_loss
from predictor.losses.lp import LOG_FLOOR


def test_only_examples_that_lose_cost_their_share() -> None:
    target = torch.zeros(3, 1, 4, 4, dtype=torch.float64)
    simpler = target + 0.1
    prediction = target + torch.tensor([0.2, 0.05, 0.1], dtype=torch.float64).view(3, 1, 1, 1)
    lost = math.log((0.04 + LOG_FLOOR**2) / (0.01 + LOG_FLOOR**2))
    assert setback_loss(prediction, target, simpler).item() == pytest.approx(lost / 3)


def test_a_tenth_of_a_decibel_costs_what_the_docstring_says() -> None:
    target = torch.zeros(1, 3, 2, 2, dtype=torch.float64)
    prediction = target + 0.5 * 10 ** (0.1 / 20)
    assert setback_loss(prediction, target, target + 0.5).item() == pytest.approx(0.023, abs=1e-4)


def test_the_simpler_prediction_gets_no_gradient() -> None:
    target = torch.zeros(1, 1, 2, 2)
    prediction = torch.full_like(target, 0.4, requires_grad=True)
    simpler = torch.full_like(target, 0.2, requires_grad=True)
    setback_loss(prediction, target, simpler).backward()
    assert prediction.grad is not None
    assert (prediction.grad > 0).all()
    assert simpler.grad is None


def test_other_shapes_are_refused() -> None:
    image = torch.zeros(2, 3, 4, 4)
    with pytest.raises(TensorContractError, match="simpler has shape"):
        setback_loss(image, image, image[:1])
