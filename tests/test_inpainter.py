"""Holes of any size and place are filled; known pixels stay bit for bit."""

import pytest
import torch
from torch import Tensor, nn

from predictor.errors import TensorContractError
from predictor.holes import holes_of
from predictor.inpainter import TILE_PX, Inpainter
from predictor.smooth_fill import smooth_fill


class Smooth(nn.Module):
    """Fills smoothly in [0, 1], and records its inputs."""

    pixel_range = (0.0, 1.0)
    multiple = 8
    hole_px = 24
    context_px = 16
    fixed_side_px: int | None = None
    detail = 0.0

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[Tensor, Tensor]] = []

    def forward(self, images: Tensor, masks: Tensor) -> list[Tensor]:
        self.seen.append((images, masks))
        return [torch.full_like(images, 9.0), smooth_fill(images, masks)]


class Square(Smooth):
    """Takes squares of 32 pixels and fills the 16 in their middle."""

    multiple = 32
    hole_px = 16
    fixed_side_px = 32

    def region(self, height: int, width: int) -> tuple[slice, slice]:
        return slice(8, 24), slice(8, 24)


class WholeSquare(Square):
    """Takes squares of 32 pixels and fills whatever is missing of them."""

    def region(self, height: int, width: int) -> tuple[slice, slice]:
        return slice(0, height), slice(0, width)


def picture(height: int = 80, width: int = 100, seed: int = 0) -> Tensor:
    """Return a smooth picture ``(1, 3, H, W)``, so that a good fill is near the truth."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 2, 3, generator=generator) * 1.6 - 0.8
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(-1, 1)


def mask_of(images: Tensor, *boxes: tuple[int, int, int, int]) -> Tensor:
    masks = torch.zeros(len(images), 1, *images.shape[-2:])
    for top, left, height, width in boxes:
        masks[..., top : top + height, left : left + width] = 1
    return masks


@pytest.mark.parametrize("network", [Smooth, Square, WholeSquare])
@pytest.mark.parametrize("box", [(20, 30, 10, 12), (0, 0, 9, 30), (10, 20, 50, 60), (30, 99, 3, 1)])
def test_only_missing_pixels_change_and_they_come_near_the_truth(
    network: type[Smooth], box: tuple[int, int, int, int]
) -> None:
    images = picture()
    masks = mask_of(images, box)
    damaged = images.where(masks == 0, torch.tensor(float("nan")))  # must have no influence
    before = damaged.clone()
    filled = Inpainter(network()).fill(damaged, masks)
    assert torch.equal(filled.where(masks == 0, 0), images.where(masks == 0, 0))
    assert torch.equal(damaged.nan_to_num(5), before.nan_to_num(5))
    error = (filled - images).abs()[masks.expand_as(images) > 0]
    assert error.max() < 0.5
    assert error.mean() < 0.12


def test_only_crops_around_the_holes_are_computed() -> None:
    network = Smooth()
    images = picture(400, 600)
    masks = mask_of(images, (40, 50, 10, 12), (300, 500, 20, 6))
    Inpainter(network).fill(images, masks)
    shapes = [tuple(seen.shape[-2:]) for seen, _ in network.seen]
    assert shapes == [(48, 48), (56, 40)]  # holes and 16 px around them, in eights


@pytest.mark.parametrize(
    ("network", "boxes", "crops"),
    [
        (Smooth, [(40, 40, 10, 12), (40, 72, 10, 12)], [(48, 80)]),
        (Smooth, [(40, 40, 10, 12), (40, 72, 30, 30)], [(48, 48), (56, 56)]),  # one is too wide
        (Smooth, [(40, 40, 10, 12), (72, 72, 10, 12)], [(48, 48), (48, 48)]),  # only corners meet
        (Square, [(40, 40, 10, 12), (40, 72, 10, 12)], [(32, 32), (32, 32)]),
    ],
)
def test_near_holes_share_a_crop_where_that_is_less_work(
    network: type[Smooth], boxes: list[tuple[int, int, int, int]], crops: list[tuple[int, int]]
) -> None:
    made = network()
    images = picture(160, 200)
    masks = mask_of(images, *boxes)
    filled = Inpainter(made).fill(images, masks)
    assert sorted(tuple(seen.shape[-2:]) for seen, _ in made.seen) == sorted(crops)
    assert torch.equal(filled.where(masks == 0, 0), images.where(masks == 0, 0))
    assert (filled - images).abs()[masks.expand_as(images) > 0].mean() < 0.12


def test_a_wide_hole_is_reduced_to_the_width_that_the_network_fills() -> None:
    network = Smooth()
    images = picture(300, 300)
    Inpainter(network).fill(images, mask_of(images, (100, 100, 96, 96)))
    ((seen, missing),) = network.seen
    # 96 px are four times 24: the crop of 96 + 2 x 4 x 16 px is reduced to a quarter
    assert seen.shape[-2:] == (56, 56)
    assert missing.sum() == pytest.approx(24 * 24, rel=0.1)


@pytest.mark.parametrize(("height", "width"), [(1, 300), (300, 1), (2, 90)])
def test_a_picture_of_one_row_is_filled_from_its_one_known_pixel(height: int, width: int) -> None:
    images = picture(height, width)
    masks = torch.ones(1, 1, height, width)
    masks[..., -1, -1] = 0
    filled = Inpainter(Smooth()).fill(images, masks)
    assert (filled - images[..., -1:, -1:]).abs().max() < 0.01


def test_a_long_thin_hole_is_filled_at_full_resolution() -> None:
    network = Smooth()
    images = picture(200, 300)
    Inpainter(network).fill(images, mask_of(images, (100, 0, 6, 300)))
    assert network.seen[0][0].shape[-1] == 304


def test_a_long_hole_is_filled_piece_by_piece_without_a_seam() -> None:
    network = Smooth()
    images = picture(120, 3000)
    masks = mask_of(images, (50, 0, 20, 3000))
    filled = Inpainter(network).fill(images, masks)
    sizes = [tuple(seen.shape[-2:]) for seen, _ in network.seen]
    assert len(sizes) == 5
    assert max(max(size) for size in sizes) <= TILE_PX
    steps = filled.diff(dim=-1).abs()[..., 50:70, :]
    assert steps.max() < 4 * images.diff(dim=-1).abs().max()
    # the neighbour was filled before, so only the own piece is missing
    assert network.seen[1][1][..., :8].sum() == 0
    assert network.seen[0][1][..., -8:].sum() > 0


def test_a_fill_made_at_a_reduced_size_gets_the_detail_of_its_surroundings() -> None:
    generator = torch.Generator().manual_seed(1)
    images = 0.1 * torch.randn(1, 3, 300, 300, generator=generator)
    masks = mask_of(images, (100, 100, 96, 96))
    filled = Inpainter(Smooth()).fill(images, masks)
    inside = filled[..., 120:176, 120:176]
    assert 0.04 < inside.std() < 0.1
    small = mask_of(images, (100, 100, 20, 20))  # at full size nothing is added
    assert Inpainter(Smooth()).fill(images, small)[..., 105:115, 105:115].std() < 0.03


def test_a_network_that_wants_detail_gets_it_at_any_size() -> None:
    generator = torch.Generator().manual_seed(1)
    images = 0.1 * torch.randn(1, 3, 120, 120, generator=generator)
    masks = mask_of(images, (50, 50, 20, 20))
    network = Smooth()
    network.detail = 1.0
    assert Inpainter(network).fill(images, masks)[..., 52:68, 52:68].std() > 0.06


def test_the_hole_is_in_the_middle_of_a_fixed_square() -> None:
    network = Square()
    images = picture()
    Inpainter(network).fill(images, mask_of(images, (0, 0, 32, 20)))
    ((seen, missing),) = network.seen
    assert seen.shape[-2:] == (32, 32)
    # reduced to a half; the square reaches beyond the corner, where image and hole are mirrored
    assert missing[0, 0, 8:24, 11:21].all()


def test_a_network_that_paints_whole_squares_sees_those_as_they_are_once() -> None:
    network = WholeSquare()
    images = picture(32, 32)
    masks = mask_of(images, (0, 3, 25, 5), (20, 20, 4, 12))
    inpainter = Inpainter(network)
    filled = inpainter.fill(images, masks)
    ((shown, missing),) = network.seen
    assert torch.equal(missing, masks)
    torch.testing.assert_close(shown, (images + 1) / 2 * (1 - masks) + masks / 2)
    expected = smooth_fill(images, masks)
    assert torch.equal(filled.where(masks == 0, 0), images.where(masks == 0, 0))
    torch.testing.assert_close(filled, expected, atol=1e-5, rtol=0)
    one, *_ = holes_of(masks[0, 0].numpy() > 0)
    assert inpainter.seen(one, (32, 32)) == (0, 0, 32, 32)
    larger = picture(33, 32)
    inpainter.fill(larger, mask_of(larger, (0, 3, 9, 5)))
    assert network.seen[-1][1].shape[-2:] == (32, 32)  # a square around the hole


@pytest.mark.parametrize("network", [Smooth, Square])
@pytest.mark.parametrize("box", [(40, 50, 10, 12), (0, 0, 60, 50), (100, 150, 60, 50)])
def test_the_part_seen_of_a_hole_is_all_that_its_fill_depends_on(
    network: type[Smooth], box: tuple[int, int, int, int]
) -> None:
    images = picture(160, 200)
    masks = mask_of(images, box)
    inpainter = Inpainter(network())
    (hole,) = holes_of(masks[0, 0].numpy() > 0)
    seen = inpainter.seen(hole, (160, 200))
    part = inpainter.fill(*(x[..., seen.rows, seen.columns].clone() for x in (images, masks)))
    whole = inpainter.fill(images, masks)
    assert torch.equal(part, whole[..., seen.rows, seen.columns])
    assert seen.height < 160 or seen.width < 200 or network is Square


def test_the_network_gets_its_pixel_range_and_no_missing_pixel() -> None:
    network = Smooth()
    images = picture()
    masks = mask_of(images, (20, 30, 10, 12))
    Inpainter(network).fill(images.where(masks == 0, 1.0), masks)
    seen, missing = network.seen[0]
    assert seen.min() >= 0
    assert seen.max() <= 1
    shown = seen.masked_select(missing.expand_as(seen) > 0)
    assert shown.unique().tolist() == [0.5]  # the middle of its range


def test_a_batch_equals_its_items_one_by_one() -> None:
    images = torch.cat([picture(seed=1), picture(seed=2)])
    masks = torch.cat(
        [mask_of(images[:1], (5, 5, 30, 30)), mask_of(images[:1], (50, 60, 8, 40), (0, 0, 3, 3))]
    )
    inpainter = Inpainter(Smooth())
    apart = torch.cat(
        [inpainter.fill(i, m) for i, m in zip(images.split(1), masks.split(1), strict=True)]
    )
    assert torch.equal(inpainter.fill(images, masks), apart)


def test_type_and_an_empty_mask_are_kept() -> None:
    images = picture().double()
    filled = Inpainter(Smooth()).fill(images, mask_of(images))
    assert filled.dtype == torch.float64
    assert torch.equal(filled, images)
    assert filled is not images


def test_a_mask_that_leaves_nothing_and_one_that_does_not_fit_are_refused() -> None:
    images = picture()
    with pytest.raises(TensorContractError, match="covers its whole image"):
        Inpainter(Smooth()).fill(images, torch.ones(1, 1, 80, 100))
    with pytest.raises(TensorContractError, match="expected"):
        Inpainter(Smooth()).fill(images, torch.zeros(1, 1, 80, 99))
