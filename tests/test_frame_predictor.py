"""Any clip in, any number of next frames out."""

import pytest
import torch
from torch import Tensor, nn

from predictor.errors import NotEnoughFrames, SettingsError, TensorContractError
from predictor.frame_predictor import FramePredictor


class Drift(nn.Module):
    """Predicts the last frame plus what the last step added; remembers what it was shown."""

    context = 3
    multiple = 8
    factors = (1,)
    pixel_range = (0.0, 1.0)

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def forward(self, clip: Tensor) -> list[Tensor]:
        self.seen.append(clip)
        return [2 * clip[:, -1] - clip[:, -2]]


def ramp(levels: list[float], height: int = 10, width: int = 14) -> Tensor:
    """Return a clip of flat frames at `levels` in [-1, 1]."""
    return torch.tensor(levels).view(1, -1, 1, 1, 1).expand(1, -1, 3, height, width).contiguous()


def test_predictions_are_fed_back() -> None:
    network = Drift()
    predicted = FramePredictor(network).predict(ramp([-0.9, -0.8, -0.6]), count=3)
    assert predicted[0, :, 0, 0, 0].tolist() == pytest.approx([-0.4, -0.2, 0.0], abs=1e-6)
    # the third call sees two predictions, in the range that the network works in
    last = network.seen[2][0, :, 0, 0, 0] * 2 - 1
    assert last.tolist() == pytest.approx([-0.6, -0.4, -0.2], abs=1e-6)


def test_size_is_padded_for_the_network_and_cropped_after() -> None:
    network = Drift()
    clip = 0.6 * torch.rand(1, 2, 3, 10, 14, generator=torch.Generator().manual_seed(0)) - 0.3
    predicted = FramePredictor(network).predict(clip)
    assert network.seen[0].shape[-2:] == (16, 16)
    torch.testing.assert_close(predicted[:, 0], 2 * clip[:, 1] - clip[:, 0])


def test_short_clip_repeats_its_first_frame() -> None:
    network = Drift()
    FramePredictor(network).predict(ramp([0.0, 0.5]))
    shown = network.seen[0][0, :, 0, 0, 0] * 2 - 1
    assert shown.tolist() == pytest.approx([0.0, 0.0, 0.5], abs=1e-6)


def test_rhythm_of_repeats_goes_on() -> None:
    # new, repeat, new, repeat …: after a new frame comes its repeat, then motion by a whole step
    levels = [-0.9, -0.9, -0.7, -0.7, -0.5, -0.5, -0.3, -0.3, -0.1, -0.1, 0.1]
    predicted = FramePredictor(Drift()).predict(ramp(levels), count=4)
    assert predicted[0, :, 0, 0, 0].tolist() == pytest.approx([0.1, 0.3, 0.3, 0.5], abs=1e-6)


def test_without_the_cadence_repeats_are_frames_as_others() -> None:
    network = Drift()
    levels = [-0.9, -0.9, -0.7, -0.7, -0.5, -0.5, -0.3, -0.3, -0.1, -0.1, 0.1]
    predicted = FramePredictor(network).predict(ramp(levels), 2, follows_cadence=False)
    shown = network.seen[0][0, :, 0, 0, 0] * 2 - 1
    assert shown.tolist() == pytest.approx([-0.1, -0.1, 0.1], abs=1e-6)
    assert predicted[0, :, 0, 0, 0].tolist() == pytest.approx([0.3, 0.5], abs=1e-6)


def test_clips_with_different_rhythms_share_a_batch() -> None:
    steady = [-0.9 + 0.1 * k for k in range(11)]
    doubled = [-0.9, -0.9, -0.7, -0.7, -0.5, -0.5, -0.3, -0.3, -0.1, -0.1, 0.1]
    together = FramePredictor(Drift()).predict(torch.cat([ramp(steady), ramp(doubled)]), 2)
    assert together[:, :, 0, 0, 0].flatten().tolist() == pytest.approx(
        [0.2, 0.3, 0.1, 0.3], abs=1e-5
    )


def test_every_frame_that_is_used_must_be_in_range() -> None:
    clip = ramp([0.0] * 14)
    clip[0, 0] = 200  # more frames back than are used
    FramePredictor(Drift()).predict(clip)
    clip[0, 2] = 200
    with pytest.raises(TensorContractError, match=r"clip goes from 0 to 200, expected \[-1, 1\]"):
        FramePredictor(Drift()).predict(clip)


def test_predictions_stay_in_range() -> None:
    predicted = FramePredictor(Drift()).predict(ramp([0.0, 0.8]), count=3)
    assert predicted.max() == 1


def test_one_frame_is_not_enough() -> None:
    with pytest.raises(NotEnoughFrames, match="at least 2"):
        FramePredictor(Drift()).predict(ramp([0.0]))


@pytest.mark.parametrize("count", [0, -1, 2.0, True])
def test_no_and_broken_frames_cannot_be_asked_for(count: int) -> None:
    with pytest.raises(SettingsError, match=f"count is {count}, expected a whole number from 1 on"):
        FramePredictor(Drift()).predict(ramp([0.1, 0.2]), count)


@pytest.mark.parametrize("value", [255.0, float("nan")])
@pytest.mark.parametrize("frame", [0, -1])
def test_what_no_picture_has_is_refused(value: float, frame: int) -> None:
    clip = ramp([0.1, 0.2, 0.3])
    clip[0, frame if value != value else slice(None), 0, 3, 4] = value
    with pytest.raises(TensorContractError, match=r"clip .*expected \[-1, 1\]"):
        FramePredictor(Drift()).predict(clip)


class Multiplied(Drift):
    """Multiplies, as networks do, in what autocast makes of it."""

    def forward(self, clip: Tensor) -> list[Tensor]:
        last = clip[:, -1]
        return [(last.flatten(0, 2) @ torch.eye(last.shape[-1])).view_as(last)]


@pytest.mark.parametrize(("use_bfloat16", "is_exact"), [(False, True), (True, False)])
def test_precision_is_the_predictors_whatever_surrounds_it(
    use_bfloat16: bool, is_exact: bool
) -> None:
    clip = ramp([0.1003, 0.2003], 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        predicted = FramePredictor(Multiplied(), use_bfloat16=use_bfloat16).predict(clip)
    assert torch.allclose(predicted[:, 0], clip[:, -1], atol=1e-6) is is_exact
