"""The default inpainting network and its discriminator."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from predictor.errors import SettingsError, TensorContractError
from predictor.networks.inpainting import (
    InpaintingConfig,
    InpaintingDiscriminator,
    InpaintingDiscriminatorConfig,
    InpaintingNetwork,
)
from predictor.smooth_fill import smooth_fill

NARROW = InpaintingConfig(widths=(4, 6), blocks=(1, 1), fine_width=5, hole_px=16, context_px=8)


def network(seed: int = 0) -> InpaintingNetwork:
    """Return one whose corrections are not zero, as fresh ones are."""
    torch.manual_seed(seed)
    made = InpaintingNetwork(NARROW).eval()
    for head in (made.coarse_head, made.fine_head):
        nn.init.normal_(head.weight, std=0.1)
    return made


def example(height: int = 48, width: int = 64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(2, 3, 3, 4, generator=generator) * 2 - 1
    images = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(-1, 1)
    masks = torch.zeros(2, 1, height, width)
    masks[..., 10:30, 20:45] = 1
    return images, masks


def test_fresh_weights_fill_smoothly() -> None:
    images, masks = example()
    torch.manual_seed(0)
    coarse, fine = InpaintingNetwork(NARROW)(images, masks)
    assert torch.equal(coarse, fine)
    smooth = smooth_fill(images, masks)
    assert (fine - smooth).abs().mean() < 0.02
    assert (fine - images).abs().mean() < 0.1


@torch.no_grad()
def test_a_scratch_in_a_smooth_picture_needs_no_training() -> None:
    down, right = torch.linspace(0.2, 0.9, 48)[:, None], torch.linspace(0, 0.1, 64)
    images = (down + right).expand(1, 3, 48, 64) - 0.2
    masks = torch.zeros(1, 1, 48, 64)
    masks[..., 20:23, :] = 1
    torch.manual_seed(0)
    filled = InpaintingNetwork(NARROW)(images, masks)[-1]
    assert (filled - images).abs().max() < 0.01  # a quarter of the size alone is 0.03 away


@torch.no_grad()
def test_known_pixels_are_kept_and_missing_ones_never_seen() -> None:
    images, masks = example()
    stages = network()(images, masks)
    for stage in stages:
        assert torch.equal(stage * (1 - masks), images * (1 - masks))
    changed = network()(images.where(masks == 0, 0.6), masks)
    assert all(torch.equal(one, other) for one, other in zip(stages, changed, strict=True))


def test_the_fine_stage_adds_detail_to_the_coarse_one() -> None:
    images, masks = example()
    coarse, fine = network()(images, masks)
    assert not torch.equal(coarse, fine)
    # the loss of either stage reaches the coarse one, and only that of the fine reaches its head
    made = network()
    coarse, fine = made(images, masks)
    fine.square().mean().backward(retain_graph=True)
    assert all(weight.grad is not None and weight.grad.any() for weight in made.parameters())
    made.zero_grad()
    coarse.square().mean().backward()
    assert made.fine_head.weight.grad is None
    assert made.coarse_head.weight.grad is not None


def test_without_a_fine_stage_the_coarse_one_is_the_same() -> None:
    images, masks = example()
    whole = network()
    coarse = InpaintingNetwork(replace(NARROW, fine_width=0))
    shared = coarse.state_dict().keys()
    assert all(name.startswith("coarse") for name in shared)
    coarse.load_state_dict({name: whole.state_dict()[name] for name in shared})
    stages = coarse(images, masks)
    assert len(stages) == 1
    assert torch.equal(stages[0], whole(images, masks)[0])


@torch.no_grad()
def test_every_known_pixel_around_reaches_the_middle_of_the_hole() -> None:
    images, masks = example(64, 64)
    masks.zero_()
    masks[..., 16:48, 16:48] = 1
    before = network()(images, masks)[-1]
    for row, column in ((4, 4), (4, 60), (60, 4), (60, 60)):
        other = images.clone()
        other[..., row, column] = -other[..., row, column] + 0.3
        after = network()(other, masks)[-1]
        assert (after - before)[..., 28:36, 28:36].abs().max() > 0


@torch.no_grad()
def test_a_batch_equals_its_items_and_sizes_are_any_multiple() -> None:
    made = network()
    assert made.multiple == 16
    images, masks = example(16, 80)
    masks[1] = 0
    masks[1, ..., 3:9] = 1
    together = made(images, masks)[-1]
    apart = [made(images[n : n + 1], masks[n : n + 1])[-1] for n in range(2)]
    assert torch.allclose(together, torch.cat(apart), atol=1e-6)


@torch.no_grad()
def test_the_discriminator_judges_patches_and_is_told_the_holes() -> None:
    torch.manual_seed(0)
    judge = InpaintingDiscriminator(InpaintingDiscriminatorConfig(maps=(4, 6)))
    images, masks = example(32, 48)
    judgement = judge(images, images, masks)
    assert judgement.logits.shape == (2, 1, 8, 12)
    assert [tuple(f.shape) for f in judgement.features] == [(2, 4, 16, 24), (2, 6, 8, 12)]
    assert not torch.equal(judge(images, images, torch.zeros_like(masks)).logits, judgement.logits)
    far = images.clone()
    far[..., -8:] = 0.5
    changed = (judge(far, images, masks).logits - judgement.logits).abs() > 0
    assert changed[..., -1].all()
    assert not changed[..., :4].any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"widths": (4, 6, 8)}, "3 widths for 2 blocks"),
        ({"fine_width": -1}, "fine_width of 0 or more"),
        ({"hole_px": 0}, "expected sizes of 1 or more"),
        ({"blocks": (1, -1)}, "expected sizes of 1 or more"),
    ],
)
def test_configs_that_cannot_work(change: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        replace(NARROW, **change)  # type: ignore[arg-type] # one field at a time


def test_what_does_not_fit_is_refused() -> None:
    images, masks = example()
    with pytest.raises(TensorContractError, match="masks have shape"):
        network()(images, masks[..., 1:])
    with pytest.raises(SettingsError, match="maps"):
        InpaintingDiscriminatorConfig(maps=())
