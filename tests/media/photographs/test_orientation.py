import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest

from predictor.holes import Box
from predictor.media.photographs.orientation import (
    TAG,
    as_stored,
    displayed,
    displayed_size,
    known_orientation,
    stored_box,
)

STORED = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_displayed_is_what_pillow_shows(orientation: int) -> None:
    picture = PIL.Image.fromarray(STORED)
    picture.getexif()[TAG] = orientation
    upright = np.asarray(PIL.ImageOps.exif_transpose(picture))
    assert np.array_equal(displayed(STORED, orientation), upright)
    assert displayed_size(STORED.shape[:2], orientation) == upright.shape[:2]
    assert np.array_equal(as_stored(upright, orientation), STORED)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_is_written_into_the_view_lands_in_the_stored_box(orientation: int) -> None:
    stored = np.zeros((6, 9), np.uint8)
    box = Box(top=1, left=2, bottom=4, right=6)
    displayed(stored, orientation)[box.rows, box.columns] = 1
    place = stored_box(box, (6, 9), orientation)
    assert stored.sum() == 12
    assert stored[place.rows, place.columns].sum() == 12


@pytest.mark.parametrize("value", [0, 9, None, "6", 1.0])
def test_an_orientation_that_is_none_counts_as_upright(value: object) -> None:
    assert known_orientation(value) == 1
