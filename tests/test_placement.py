"""The public interfaces use a network on the device where it is, unless told to move it."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from predictor.devices import moved
from predictor.frame_predictor import FramePredictor
from predictor.image_classifier import ImageClassifier
from predictor.image_sampler import ImageSampler
from predictor.inpainter import Inpainter


class Somewhere(nn.Linear):
    """A network with classes; on the device ``meta`` it has no values."""

    classes = 2

    def __init__(self, device: str) -> None:
        super().__init__(1, 2, device=device)


@pytest.mark.parametrize("used", [FramePredictor, ImageClassifier, ImageSampler, Inpainter])
def test_a_network_is_used_on_the_device_where_it_is(used: Callable[[nn.Module], Any]) -> None:
    network = Somewhere("meta")
    assert used(network).device == torch.device("meta")
    assert network.weight.device == torch.device("meta")


def test_a_network_is_moved_to_the_device_asked_for() -> None:
    network = Somewhere("cpu")
    assert moved(network, "meta") == torch.device("meta")
    assert network.weight.device == torch.device("meta")
    assert moved(nn.Identity(), None) == torch.device("cpu")
