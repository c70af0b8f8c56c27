"""`predict_frames` as it is called from Python: what it takes, what it refuses, what it leaves."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from made_clips import RollingPredictor, pictures, write_clip

from pipelines import predict_frames
from pipelines.timecodes import frames_in
from predictor.errors import SettingsError


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", pictures(6))


def test_a_model_may_be_what_predictor_load_returned(clip: Path) -> None:
    result = predict_frames(clip, 1, model=RollingPredictor())
    assert (result.model, result.predicted_count) == ("RollingPredictor", 1)


def test_a_model_may_be_a_path(clip: Path, small_model: Any, tmp_path: Path) -> None:
    weights = small_model(tmp_path / "small.safetensors")
    assert predict_frames(clip, 1, model=weights).model == str(weights)


class Watching(RollingPredictor):
    """Remembers how many threads it computes with."""

    threads = 0

    def predict(self, clip: torch.Tensor, count: int) -> torch.Tensor:
        self.threads = torch.get_num_threads()
        return super().predict(clip, count)


def test_threads_are_those_of_the_call_alone(clip: Path) -> None:
    before = torch.get_num_threads()
    model = Watching()
    predict_frames(clip, 1, model=model, threads=before + 1)
    assert model.threads == before + 1
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("at", [0.06, Fraction(3, 50)])
def test_the_frame_at_the_time_given_is_kept(tmp_path: Path, at: float | Fraction) -> None:
    """0.06 is no binary number: the nearest one lies before the frame there."""
    clip = write_clip(tmp_path / "fast.mp4", pictures(6), rate=Fraction(50))
    result = predict_frames(clip, 1, at=at, model=RollingPredictor())
    assert result.predicted_times == (Fraction(4, 50),)


def test_a_duration_means_what_the_command_takes_it_for(clip: Path) -> None:
    result = predict_frames(clip, duration_s=0.06, model=RollingPredictor())
    assert result.predicted_count == frames_in(Fraction("0.06"), Fraction(1, 25)) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"mode": "nope"}, "mode is 'nope', expected append, only, next, side-by-side"),
        ({"threads": 0}, "threads is 0, expected 1 to 1024"),
        ({"at": float("nan")}, "at is nan, expected seconds"),
        ({"duration_s": float("inf")}, "duration_s is inf, expected seconds"),
        ({"count": 0}, "count is 0, expected a whole number from 1 on"),
        ({"count": 2, "duration_s": 0.1}, "count and duration_s exclude each other"),
    ],
)
def test_what_cannot_be_meant_is_refused(clip: Path, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=f"^{said}$"):
        predict_frames(clip, model=RollingPredictor(), **arguments)
    assert sorted(clip.parent.iterdir()) == [clip]
