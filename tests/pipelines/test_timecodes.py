"""Times as people write them, and steps between frames, are exact."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.timecodes import clock, exact_step, frame_step, frames_in, parsed_time
from predictor.errors import SettingsError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12.5", Fraction(25, 2)),
        ("0.1", Fraction(1, 10)),  # not the float
        (".5", Fraction(1, 2)),
        ("0.5s", Fraction(1, 2)),
        ("40ms", Fraction(1, 25)),
        ("2 min", Fraction(120)),
        ("1:30", Fraction(90)),
        ("90:00", Fraction(5400)),
        ("1:02:03.25", Fraction(14893, 4)),
    ],
)
def test_parsed_time(text: str, seconds: Fraction) -> None:
    assert parsed_time(text, "--at") == seconds


@pytest.mark.parametrize("text", ["", "soon", "-1", "1:75", "1:75:00", "1e3", "nan", "1:2:3:4"])
def test_parsed_time_refuses_and_names_the_setting(text: str) -> None:
    with pytest.raises(SettingsError, match="--at"):
        parsed_time(text, "--at")


@given(st.integers(0, 10**9))
def test_clock_is_read_back(milliseconds: int) -> None:
    time = Fraction(milliseconds, 1000)
    assert parsed_time(clock(time), "--at") == time


def test_frame_step_is_not_moved_by_a_pause_or_a_repeated_stamp() -> None:
    step = Fraction(1001, 30000)
    times = [i * step for i in range(4)]
    times += [times[-1], times[-1] + 5]  # a repeated stamp, a pause of 5 s
    assert frame_step(times, Fraction(1)) == step
    assert frame_step([Fraction(3)], step) == step


def test_frames_in_half_a_second_of_ntsc_is_fifteen() -> None:
    assert frames_in(Fraction(1, 2), Fraction(1001, 30000)) == 15
    assert frames_in(Fraction(1, 1000), Fraction(1, 25)) == 1


def test_exact_step_sees_through_the_rounding_of_stamps() -> None:
    ntsc, millisecond = Fraction(1001, 30000), Fraction(1, 1000)
    assert exact_step(Fraction(33, 1000), ntsc, millisecond) == ntsc
    assert exact_step(Fraction(34, 1000), ntsc, millisecond) == ntsc
    assert exact_step(Fraction(35, 1000), ntsc, millisecond) == Fraction(35, 1000)
    assert exact_step(Fraction(3000, 90000), ntsc, Fraction(1, 90000)) == Fraction(1, 30)
