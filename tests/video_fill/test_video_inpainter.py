import gc
from collections.abc import Iterator

import pytest
import torch
from moving_scenes import HEIGHT, HOLE, WIDTH, hole_mask, pan, psnr
from torch import Tensor

from predictor.classical_fill import ClassicalInpainter
from predictor.errors import TensorContractError
from predictor.holes import Box, Hole
from predictor.video_fill import memory
from predictor.video_fill.picture import Picture
from predictor.video_fill.video_inpainter import VideoInpainter


class Flickering:
    """Fills each frame with another grey."""

    def __init__(self) -> None:
        self.generator = torch.Generator().manual_seed(0)
        self.calls = 0

    def fill(self, images: Tensor, masks: Tensor) -> Tensor:
        self.calls += 1
        level = torch.rand(1, generator=self.generator) * 2 - 1
        return images * (1 - masks) + level * masks

    def seen(self, hole: Hole, size: tuple[int, int]) -> Box:
        return hole.box.grown(4).within(*size)


def filled(frames: list[Tensor], mask: Tensor | None = None, filler: object = None) -> list[Tensor]:
    mask = hole_mask() if mask is None else mask
    inpainter = VideoInpainter(filler or ClassicalInpainter("telea"), mask)  # type: ignore[arg-type]
    return list(inpainter.filled(iter(frames), iter(frames)))


def test_what_a_pan_shows_elsewhere_is_found() -> None:
    frames = pan(24, (4.3, 0.4))
    alone = [ClassicalInpainter("telea").fill(frame[None], hole_mask())[0] for frame in frames]
    assert psnr(alone, frames, hole_mask()) < 23
    assert psnr(filled(frames), frames, hole_mask()) > 35


def test_exposure_is_followed() -> None:
    frames = [frame * (0.6 + 0.01 * number) for number, frame in enumerate(pan(16, (5.3, 0.4)))]
    assert psnr(filled(frames), frames, hole_mask()) > 33


def test_two_holes_each_by_itself() -> None:
    mask = torch.zeros(1, 1, HEIGHT, WIDTH)
    mask[..., 6:16, 6:40] = 1
    mask[..., 60:84, 90:118] = 1
    frames = pan(14, (5.3, 0.4))
    assert psnr(filled(frames, mask), frames, mask) > 30


def test_known_pixels_stay_and_hidden_ones_are_not_looked_at() -> None:
    frames = pan(8, (5.3, 0.4))
    known = hole_mask()[0, 0] < 0.5
    hidden = [frame.clone() for frame in frames]
    for number, frame in enumerate(hidden):
        frame[:, ~known] = torch.rand(3, int((~known).sum())) if number % 2 else 1.0
    first, second = filled(frames), filled(hidden)
    for before, after, other in zip(frames, first, second, strict=True):
        assert torch.equal(before[:, known], after[:, known])
        assert torch.equal(after, other)


def test_a_still_fill_does_not_flicker() -> None:
    noise = torch.Generator().manual_seed(1)
    still = pan(1)[0]
    frames = [still + 0.01 * torch.randn(still.shape, generator=noise) for _ in range(12)]
    found = torch.stack(filled(frames, filler=Flickering()))[:, :, HOLE[0], HOLE[1]]
    alone = torch.stack([torch.full((3, 4, 4), level) for level in _levels(12)])
    change, usual = ((it[1:] - it[:-1]).abs().mean() for it in (found, alone))
    assert change < 0.15 * usual


def test_a_settled_fill_is_made_anew_now_and_then_only() -> None:
    calls = []
    for speed in ((0.0, 0.0), (2.3, 0.4)):
        filler = Flickering()
        # Nothing is shown elsewhere: the hole reaches across the picture.
        mask = torch.zeros(1, 1, HEIGHT, WIDTH)
        mask[..., HEIGHT // 2 :, :] = 1
        noise = torch.Generator().manual_seed(1)
        frames = [
            (frame + 0.01 * torch.randn(frame.shape, generator=noise)).clamp(-1, 1)
            for frame in pan(24, speed)
        ]
        filled(frames, mask, filler)
        calls.append(filler.calls)
    assert calls[0] <= 24 / 4 + 2
    assert calls[1] > 20


def _levels(count: int) -> list[float]:
    filler = Flickering()
    ones = torch.ones(1, 1, 1, 1)
    return [float(filler.fill(torch.zeros(1, 3, 1, 1), ones).mean()) for _ in range(count)]


def test_nothing_is_made_where_all_is_shown() -> None:
    filler = Flickering()
    small = torch.zeros(1, 1, HEIGHT, WIDTH)
    small[..., 40:48, 60:70] = 1
    filled(pan(12, (4.3, 0.4)), small, filler)
    assert filler.calls < 6


def test_a_shot_is_filled_from_itself() -> None:
    frames = [*pan(10, (0, 0)), *pan(10, (0, 0), seed=9)]
    both, second = filled(frames), filled(frames[10:])
    for one, other in zip(both[10:], second, strict=True):
        assert torch.equal(one, other)


def test_memory_does_not_grow_with_the_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "KEPT", 2)
    monkeypatch.setattr(memory, "FARTHEST", 4)
    frames = pan(24, (2.3, 0.3))
    inpainter = VideoInpainter(ClassicalInpainter("telea"), hole_mask())
    most = 0
    for _ in inpainter.filled(iter(frames), iter(frames)):
        alive = sum(type(thing) is Picture for thing in gc.get_objects())
        most = max(most, alive)
    assert most <= 2 * 2 + 10  # and the few that wait to be judged


@pytest.mark.parametrize("size", [(1, 2), (5, 7), (20, 31)])
def test_small_frames(size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    frames = [torch.rand(3, *size, generator=generator) for _ in range(3)]
    mask = torch.zeros(1, 1, *size)
    mask[..., 0, 0] = 1
    for before, after in zip(frames, filled(frames, mask), strict=True):
        assert torch.equal(before[:, mask[0, 0] < 0.5], after[:, mask[0, 0] < 0.5])
        assert torch.isfinite(after).all()


def test_what_does_not_fit_is_refused() -> None:
    filler = ClassicalInpainter("telea")
    for mask, message in (
        (torch.zeros(1, 1, 8, 8), "covers nothing"),
        (torch.ones(1, 1, 8, 8), "covers the whole"),
        (torch.ones(1, 3, 8, 8), r"shape \(1, 3, 8, 8\)"),
    ):
        with pytest.raises(TensorContractError, match=message):
            VideoInpainter(filler, mask)
    inpainter = VideoInpainter(filler, hole_mask())
    with pytest.raises(TensorContractError, match=r"\(3, 8, 8\), expected \(3, 96, 128\)"):
        list(inpainter.filled([torch.zeros(3, 8, 8)], [torch.zeros(3, 8, 8)]))
    with pytest.raises(TensorContractError, match="after the 3 that were read ahead"):
        list(inpainter.filled(pan(4), pan(3)))


def test_no_frames_give_none() -> None:
    def nothing() -> Iterator[Tensor]:
        yield from ()

    inpainter = VideoInpainter(ClassicalInpainter("telea"), hole_mask())
    assert list(inpainter.filled(nothing(), nothing())) == []
