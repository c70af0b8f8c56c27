"""Reduced frames, the motion between them, and what is remembered of both."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from predictor.flow import luma
from predictor.networks import motion_evidence
from predictor.networks.motion_evidence import (
    MotionEvidence,
    MotionMemory,
    evidence_in,
    flows_after,
)


def moving_frames(count: int, height: int = 128, width: int = 160, step: int = 4) -> list[Tensor]:
    generator = torch.Generator().manual_seed(3)
    coarse = torch.rand(1, 3, height // 8 + 2, width // 8 + 2, generator=generator) * 2 - 1
    picture = functional.interpolate(coarse, (height, width), mode="bicubic").clamp(-1, 1)
    return [picture.roll(step * k, dims=-1) for k in range(count)]


def tensors(evidence: MotionEvidence) -> list[Tensor]:
    return [*evidence.small, *evidence.flows, *evidence.older_grey, *evidence.older_flows]


def test_motion_is_as_long_as_the_reduced_frames_show_it() -> None:
    found = evidence_in(moving_frames(6), divisor=1)
    assert [flow.shape for flow in found.flows] == [(1, 2, 128, 160)] * 3
    assert [flow.shape for flow in found.older_flows] == [(1, 2, 64, 80)] * 2
    assert found.flows[-1][:, 0].median() == pytest.approx(-4, abs=0.2)
    assert found.older_flows[-1][:, 0].median() == pytest.approx(-2, abs=0.2)
    half = evidence_in(moving_frames(4, step=8), divisor=2)
    assert half.flows[-1][:, 0].median() == pytest.approx(-4, abs=0.4)
    assert not half.older_flows


@pytest.mark.parametrize("size", [(64, 96), (63, 90), (50, 45)])
@pytest.mark.parametrize("divisor", [1, 2, 4])
def test_frames_are_reduced_to_the_means_of_their_areas(
    size: tuple[int, int], divisor: int
) -> None:
    frames = [torch.rand(1, 3, *size) * 2 - 1 for _ in range(6)]
    found = evidence_in(frames, divisor)
    rows, columns = (-(-side // divisor) for side in size)
    area = functional.interpolate(frames[-1], (rows, columns), mode="area")
    assert found.small[-1].shape == area.shape
    assert torch.allclose(found.small[-1], area, atol=1e-5)
    small = functional.interpolate(frames[0], (rows, columns), mode="area")
    grey = functional.interpolate(luma(small), (-(-rows // 2), -(-columns // 2)), mode="area")
    assert torch.allclose(found.older_grey[0], grey, atol=1e-5)


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the pairs of frames between which motion is looked for."""
    pairs: list[int] = []
    estimate = motion_evidence.dense_flow

    def counted(first: Tensor, second: Tensor, finest_scale: int = 1) -> Tensor:
        pairs.append(len(first))
        return estimate(first, second, finest_scale)

    monkeypatch.setattr(motion_evidence, "dense_flow", counted)
    return pairs


def test_flows_of_a_clip_one_frame_further_need_only_the_newest_pairs(searched: list[int]) -> None:
    frames = moving_frames(4) + moving_frames(5, step=3)
    before, fresh = evidence_in(frames[:8], divisor=2), evidence_in(frames[1:], divisor=2)
    searched.clear()
    found = flows_after(
        frames[1:], 2, torch.stack([*before.flows], 1), torch.stack([*before.older_flows], 1)
    )
    assert searched == [1, 1]
    for flows, expected in zip(found.values(), (fresh.flows, fresh.older_flows), strict=True):
        assert torch.equal(flows, torch.stack([*expected], 1))


def test_memory_finds_what_a_fresh_look_finds(searched: list[int]) -> None:
    frames, memory = moving_frames(9), MotionMemory()
    for last in (6, 7, 9):  # one frame further, then two
        clip = frames[last - 6 : last]
        remembered = tensors(memory.evidence_in(clip, divisor=2))
        fresh = tensors(evidence_in(clip, divisor=2))
        assert all(torch.equal(a, b) for a, b in zip(remembered, fresh, strict=True))


def test_memory_looks_at_a_new_frame_once(searched: list[int]) -> None:
    frames, memory = moving_frames(8), MotionMemory()
    memory.evidence_in(frames[:6], divisor=2)
    assert len(searched) == 5
    memory.evidence_in(frames[:6], divisor=2)
    assert len(searched) == 5
    memory.evidence_in(frames[1:7], divisor=2)
    assert len(searched) == 7  # the new pair, and at half its size the pair that became old


def test_memory_heeds_a_frame_that_was_left_out() -> None:
    frames, memory = moving_frames(7), MotionMemory()
    memory.evidence_in(frames[:6], divisor=1)
    without = [*frames[:4], *frames[5:]]
    remembered = tensors(memory.evidence_in(without, divisor=1))
    fresh = tensors(evidence_in(without, divisor=1))
    assert all(torch.equal(a, b) for a, b in zip(remembered, fresh, strict=True))


def test_memory_knows_frames_again_whose_storage_was_used_again(searched: list[int]) -> None:
    frames, memory = moving_frames(7), MotionMemory()
    window = torch.stack(frames[:6])
    memory.evidence_in([*window.unbind(0)], divisor=1)
    assert len(searched) == 5
    window[:-1] = window[1:].clone()  # as a sliding window in one tensor does
    window[-1] = frames[6]
    remembered = tensors(memory.evidence_in([*window.unbind(0)], divisor=1))
    assert len(searched) == 7
    fresh = tensors(evidence_in([*window.unbind(0)], divisor=1))
    assert all(torch.equal(a, b) for a, b in zip(remembered, fresh, strict=True))
