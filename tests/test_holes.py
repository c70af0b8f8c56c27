"""Which missing pixels are one hole, and how wide a hole is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from predictor.holes import JOINED_PX, Box, holes_of, joined


def mask_of(size: tuple[int, int], *boxes: Box) -> np.ndarray:
    mask = np.zeros(size, np.bool_)
    for box in boxes:
        mask[box.rows, box.columns] = True
    return mask


@given(arrays(np.bool_, st.tuples(st.integers(1, 70), st.integers(1, 70)), elements=st.booleans()))
def test_every_missing_pixel_is_of_exactly_one_hole(mask: np.ndarray) -> None:
    counted = np.zeros(mask.shape, np.int64)
    for hole in holes_of(mask):
        box = hole.box
        counted[box.rows, box.columns] += hole.pixels
        assert hole.pixels.any(0)[[0, -1]].all()  # the box is tight
        assert hole.pixels.any(1)[[0, -1]].all()
    assert np.array_equal(counted, mask.astype(np.int64))


def test_far_holes_are_two_and_near_ones_are_one() -> None:
    left, near, far = Box(5, 5, 15, 15), Box(5, 18, 15, 28), Box(5, 100, 15, 110)
    assert [hole.box for hole in holes_of(mask_of((40, 200), left, near))] == [Box(5, 5, 15, 28)]
    boxes = [hole.box for hole in holes_of(mask_of((40, 200), left, far))]
    assert boxes == [left, far]


def test_joined_holes_have_the_pixels_of_both_and_no_others() -> None:
    size = (60, 200)
    mask = mask_of(size, Box(5, 5, 15, 15), Box(20, 100, 50, 110))
    one, other = holes_of(mask)
    both = joined(other, one)
    assert both.box == Box(5, 5, 50, 110)
    assert np.array_equal(both.pixels, mask[both.box.rows, both.box.columns])
    assert both.width_px == max(one.width_px, other.width_px)
    assert Box.around([Box(5, 9, 15, 12)]) == Box(5, 9, 15, 12)
    inner = one.box.relative_to(both.box)
    assert (inner.height, inner.width) == (one.box.height, one.box.width)
    assert np.array_equal(both.pixels[inner.rows, inner.columns], one.pixels)
    assert one.box.meets(one.box)
    assert not one.box.meets(other.box)
    assert not one.box.meets(Box(15, 5, 20, 15))  # they touch, but share no pixel


def test_pixels_of_another_hole_in_the_same_box_are_left_to_it() -> None:
    # an L around a small square: their boxes overlap, their pixels do not
    size = 6 * JOINED_PX
    tall, flat = Box(0, 0, size, 4), Box(size - 4, 0, size, size)
    square = Box(8, size - 24, 20, size - 8)
    holes = holes_of(mask_of((size, size), tall, flat, square))
    assert [hole.box for hole in holes] == [Box(0, 0, size, size), square]
    assert holes[0].pixels.sum() == mask_of((size, size), tall, flat).sum()


@pytest.mark.parametrize(
    ("box", "width_px"),
    [
        (Box(30, 30, 50, 90), 20),  # a bar is as wide as its short side
        (Box(0, 30, 20, 90), 40),  # nothing is known beyond the edge of the image
        (Box(0, 0, 20, 20), 40),
        (Box(40, 0, 60, 100), 20),  # from edge to edge: known above and below only
    ],
)
def test_width_is_the_distance_between_known_pixels_on_both_sides(
    box: Box, width_px: float
) -> None:
    (hole,) = holes_of(mask_of((100, 100), box))
    assert hole.width_px == pytest.approx(width_px, abs=3)


def test_a_mask_without_missing_pixels_and_one_without_known_pixels() -> None:
    assert holes_of(np.zeros((9, 9), np.bool_)) == []
    (hole,) = holes_of(np.ones((9, 12), np.bool_))
    assert hole.box == Box(0, 0, 9, 12)
    assert hole.width_px >= 24
