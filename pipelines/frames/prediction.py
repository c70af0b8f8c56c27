"""A released network as the pipelines use it: loaded once, predicting few frames at a time."""

from collections.abc import Iterator
from time import perf_counter
from typing import Protocol

import torch
from torch import Tensor

import predictor
from predictor.devices import is_out_of_memory
from predictor.errors import OutOfDeviceMemory
from predictor.frame_predictor import FEWEST_FRAMES
from predictor.model_files import find_model
from predictor.weights import read_metadata

FRAMES_AT_ONCE = 8
"""Frames predicted before they are handed on, so that memory does not grow with the horizon."""


class PredictsFrames(Protocol):
    """What is asked of a network here; `predictor.load` returns one for the task ``frames``."""

    context_frames: int

    def predict(self, clip: Tensor, count: int) -> Tensor:
        """Return the next frames ``(N, count, 3, H, W)`` of `clip` ``(N, T, 3, H, W)``."""


class NextFrames:
    """Predicts on, frame after frame, from frames on the CPU to frames on the CPU."""

    def __init__(self, network: PredictsFrames, name: str, horizon: int | None = None) -> None:
        self.name = name
        self.horizon = horizon
        """Frames ahead up to which the network's quality was measured; None where unknown."""
        self.seconds = 0.0
        """Time spent predicting so far."""
        self._network = network

    @property
    def context_frames(self) -> int:
        """Frames that the network looks at."""
        return self._network.context_frames

    def after(self, clip: Tensor, count: int) -> Iterator[Tensor]:
        """Yield the `count` frames ``(3, H, W)`` that follow `clip` ``(1, T, 3, H, W)``.

        Raises `OutOfDeviceMemory` with what helps.
        """
        while count > 0:
            start = perf_counter()
            predicted = self._predicted(clip, min(count, FRAMES_AT_ONCE))
            self.seconds += perf_counter() - start
            yield from predicted[0]
            count -= predicted.shape[1]
            if count > 0:
                seen = max(FEWEST_FRAMES, self.context_frames)
                clip = torch.cat([clip, predicted], dim=1)[:, -seen:]

    def _predicted(self, clip: Tensor, count: int) -> Tensor:
        try:
            with torch.no_grad():
                return self._network.predict(clip, count).float().cpu()
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            height, width = clip.shape[-2:]
            raise OutOfDeviceMemory(
                f"not enough memory to predict frames of {width}x{height}: "
                "--device cpu uses the main memory, a smaller video needs less"
            ) from error


def load(model: str, device: str = "auto", precision: str = "auto") -> NextFrames:
    """Return the model with that name or in that file, on `device`.

    Raises `UnknownModel`, `DamagedWeights`, and `SettingsError` for a device that is not there.
    """
    network = predictor.load(model, device=device, precision=precision, task="frames")
    metadata = read_metadata(find_model(model))
    return NextFrames(network, model, metadata.provenance.measured_horizon)
