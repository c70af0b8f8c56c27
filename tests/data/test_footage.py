from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from synthetic_videos import moving_square, write_video

from predictor.data.footage import all_pictures, pictures_at, pictures_numbered
from predictor.errors import UnreadableVideo


def test_pictures_are_found_by_time_and_by_number(tmp_path: Path) -> None:
    clip = tmp_path / "a.mkv"
    write_video(clip, moving_square(6))
    every = list(all_pictures(clip, 6))
    assert every[0].shape[0] == 3
    numbers = [1, 4]
    by_time = pictures_at(clip, [Fraction(number, 25) for number in numbers])
    for found in (by_time, pictures_numbered(clip, numbers)):
        assert len(found) == 2
        assert all(
            np.array_equal(picture, every[number])
            for number, picture in zip(numbers, found, strict=True)
        )
    with pytest.raises(UnreadableVideo, match=r"a\.mkv gave 6 of 7 frames asked for"):
        list(all_pictures(clip, 7))


def test_a_file_that_was_replaced_is_read_as_it_is_now(tmp_path: Path) -> None:
    clip, other = tmp_path / "a.mkv", tmp_path / "b.mkv"
    write_video(clip, moving_square(6))
    before = pictures_at(clip, [Fraction(0)])[0]
    write_video(other, [np.repeat(frame, 2, axis=0) for frame in moving_square(6)])
    other.replace(clip)
    after = pictures_at(clip, [Fraction(0)])[0]
    assert after.shape == (3, 2 * before.shape[1], before.shape[2])
