"""Shapes of holes: areas, forms, and that nothing but the generator decides."""

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from predictor.data.masks import ShapeKind, drawn_mask
from predictor.errors import SettingsError

SIZE = (96, 128)
DRAWN: list[ShapeKind] = ["blocks", "regions", "strokes", "scratches", "blobs", "boxes"]


def several(kind: ShapeKind, count: int, area: tuple[float, float], seed: int = 0) -> list[Tensor]:
    generator = Generator().manual_seed(seed)
    return [drawn_mask(kind, SIZE, area, generator) for _ in range(count)]


@pytest.mark.parametrize("kind", DRAWN)
def test_masks_are_zeros_and_ones_of_the_area_asked_for(kind: ShapeKind) -> None:
    low, high = (0.15, 0.3) if kind == "regions" else (0.05, 0.4)
    masks = several(kind, 30, (low, high))
    for mask in masks:
        assert mask.shape == (1, *SIZE)
        assert mask.unique().tolist() == [0, 1]
        assert low <= mask.mean() <= high
    areas = torch.stack(masks).mean((1, 2, 3))
    assert areas.std() > 0.02  # all of the range is used, not one end of it
    assert len({mask.numpy().tobytes() for mask in masks}) == 30


@pytest.mark.parametrize("kind", DRAWN)
def test_a_mask_depends_on_its_generator_only(kind: ShapeKind) -> None:
    torch.manual_seed(1)
    first = several(kind, 2, (0.2, 0.3), seed=5)
    torch.manual_seed(2)
    again = several(kind, 2, (0.2, 0.3), seed=5)
    other = several(kind, 2, (0.2, 0.3), seed=6)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])


@pytest.mark.parametrize("kind", DRAWN)
def test_holes_lie_everywhere(kind: ShapeKind) -> None:
    often = torch.stack(several(kind, 150, (0.15, 0.3))).mean(0)[0]
    quarters = [part.mean().item() for half in often.chunk(2, 0) for part in half.chunk(2, 1)]
    assert max(quarters) < 2 * min(quarters)
    assert often.min() > 0


def test_scratches_are_thin() -> None:
    for mask in several("scratches", 20, (0.02, 0.1)):
        inner = -torch.nn.functional.max_pool2d(-mask[None], 5, stride=1, padding=2)
        assert inner.mean() < 0.1 * mask.mean()  # little is further than two pixels from an edge


def test_the_centre_of_the_code_is_rows_36_to_91() -> None:
    # 128 pixels, the middle half less 4 on each side; counted from 0
    mask = drawn_mask("centre", (128, 128), (0, 1), Generator(), centre_share=56 / 128)[0]
    rows, columns = mask.any(1).nonzero()[:, 0], mask.any(0).nonzero()[:, 0]
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (36, 91, 36, 91)
    assert mask.sum() == 56**2


def test_regions_are_as_common_as_the_specification_measured() -> None:
    from predictor.data.masks import _region

    generator = Generator().manual_seed(0)
    areas = np.array([_region((128, 128), generator).mean() for _ in range(300)])
    assert 0.155 < areas.mean() < 0.185
    assert 0.15 < ((areas > 0.2) & (areas < 0.3)).mean() < 0.33


@pytest.mark.parametrize(("kind", "area"), [("regions", (0, 0.02)), ("boxes", (0.5, 1))])
def test_a_mask_never_covers_nothing_or_everything(
    kind: ShapeKind, area: tuple[float, float]
) -> None:
    generator = Generator().manual_seed(0)
    for _ in range(100):
        assert 0 < drawn_mask(kind, (64, 64), area, generator).mean() < 1


def test_an_area_that_no_shape_has_is_refused() -> None:
    with pytest.raises(
        SettingsError, match=r"kind 'regions' with an area of 0.9 to 0.95 of 128x96"
    ):
        drawn_mask("regions", SIZE, (0.9, 0.95), Generator().manual_seed(0))
