"""The discriminators of the default frame predictor."""

import pytest
import torch

from predictor.errors import SettingsError, TensorContractError
from predictor.networks.patch import PatchDiscriminators, PatchDiscriminatorsConfig
from predictor.pyramid import pooled_at_factors

SMALL = PatchDiscriminatorsConfig(maps=(4, 4, 4))


def test_a_logit_sees_its_patch_and_nothing_else() -> None:
    torch.manual_seed(0)
    judge = PatchDiscriminators(SMALL)
    clip = torch.rand(1, 4, 3, 64, 64) * 2 - 1
    frames = pooled_at_factors(torch.rand(1, 3, 64, 64) * 2 - 1, (2, 1))
    frames = [frame.clone().requires_grad_() for frame in frames]
    logits = judge(clip, frames)
    (slope,) = torch.autograd.grad(logits[1][0, 0, 4, 4], frames[1])
    rows = slope.abs().sum(dim=(0, 1, 3)).nonzero().flatten()
    # three convolutions k4 s2 see 22 pixels, the last k3 adds a step of 8 on each side
    assert len(rows) == 22 + 2 * 8


def test_every_scale_judges_its_own_frame() -> None:
    torch.manual_seed(0)
    judge = PatchDiscriminators(SMALL)
    clip = torch.zeros(1, 4, 3, 32, 32)
    frames = pooled_at_factors(torch.zeros(1, 3, 32, 32), (2, 1))
    before = judge(clip, frames)
    after = judge(clip, [frames[0], frames[1] + 1])
    assert torch.equal(before[0], after[0])
    assert not torch.equal(before[1], after[1])


def test_judgement_depends_on_the_context() -> None:
    torch.manual_seed(0)
    judge = PatchDiscriminators(SMALL)
    frames = pooled_at_factors(torch.zeros(1, 3, 32, 32), (2, 1))
    still, moving = torch.zeros(1, 4, 3, 32, 32), torch.ones(1, 4, 3, 32, 32)
    assert not torch.equal(judge(still, frames)[0], judge(moving, frames)[0])


def test_wrong_number_of_scales_or_frames_is_refused() -> None:
    judge = PatchDiscriminators(SMALL)
    frame = torch.zeros(1, 3, 32, 32)
    with pytest.raises(TensorContractError, match="expected 4 and 2"):
        judge(torch.zeros(1, 4, 3, 32, 32), [frame])
    with pytest.raises(TensorContractError, match="clip has 3 frames"):
        judge(torch.zeros(1, 3, 3, 32, 32), pooled_at_factors(frame, (2, 1)))
    with pytest.raises(SettingsError, match="at least one"):
        PatchDiscriminatorsConfig(maps=())
