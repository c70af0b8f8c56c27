import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.inpaint.regions import regions_of
from predictor.holes import Box, Hole

SIZE = (300, 400)


def seen(hole: Hole, size: tuple[int, int]) -> Box:
    return hole.box.grown(20)


def weight_of(
    *boxes: tuple[int, int, int, int],
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    weight = np.zeros(SIZE, np.float32)
    for top, left, bottom, right in boxes:
        weight[top:bottom, left:right] = 1
    return weight


def test_a_far_hole_has_a_region_of_its_own_and_near_ones_share() -> None:
    weight = weight_of((30, 40, 40, 60), (60, 70, 65, 80), (250, 300, 260, 330))
    near, far = sorted(regions_of(weight, seen), key=lambda region: region.box)
    assert near.box == Box(10, 20, 85, 100)
    assert far.box == Box(230, 280, 280, 350)
    assert near.weight.sum() == 200 + 50
    assert far.missing.sum() == far.weight.sum() == 300


def test_no_hole_is_no_region() -> None:
    assert regions_of(weight_of(), seen) == []


def test_what_lies_between_is_not_in_a_region() -> None:
    weight = weight_of((0, 0, 5, 5), (295, 395, 300, 400))
    assert [(r.box.height, r.box.width) for r in regions_of(weight, seen)] == [(25, 25), (25, 25)]


def test_pixels_of_another_hole_are_missing_and_not_painted() -> None:
    # Two bars round a spot share a region, which holds the spot; that has a region of its own.
    weight = weight_of((60, 0, 300, 10), (0, 60, 10, 400), (150, 200, 155, 205))
    regions = regions_of(weight, lambda hole, size: hole.box.grown(30))
    total = np.zeros(SIZE, np.float32)
    for region in regions:
        total[region.box.rows, region.box.columns] += region.weight[0].numpy()
        part = weight[region.box.rows, region.box.columns]
        assert np.array_equal(region.missing[0, 0].numpy(), part > 0)
    assert np.array_equal(total, weight)
    assert len(regions) == 2


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 290), st.integers(0, 390), st.integers(1, 40), st.integers(1, 40)),
        min_size=1,
        max_size=12,
    ),
    st.integers(0, 60),
)
def test_every_pixel_is_painted_once_with_its_weight(
    corners: list[tuple[int, int, int, int]], reach: int
) -> None:
    weight = np.zeros(SIZE, np.float32)
    for number, (top, left, height, width) in enumerate(corners):
        weight[top : top + height, left : left + width] = 1 / (1 + number)
    total = torch.zeros(SIZE)
    for region in regions_of(weight, lambda hole, size: hole.box.grown(reach)):
        total[region.box.rows, region.box.columns] += region.weight[0]
    assert np.array_equal(total.numpy(), weight)
