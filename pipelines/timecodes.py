"""Read and write times as people do, in exact fractions of a second."""

import re
from fractions import Fraction
from itertools import pairwise
from statistics import median

from predictor.errors import SettingsError

_CLOCK = re.compile(r"(?:(?P<hours>\d+):)?(?P<minutes>\d{1,2}):(?P<seconds>\d{1,2}(?:\.\d+)?)")
_SECONDS = re.compile(r"(?P<number>\d+(?:\.\d*)?|\.\d+)\s*(?P<unit>ms|s|min|m|h)?")
_UNIT_S = {
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "min": Fraction(60),
    "m": Fraction(60),
    "h": Fraction(3600),
}


def parsed_time(text: str, setting: str) -> Fraction:
    """Return the seconds that `text` says: ``12.5``, ``0.5s``, ``500ms``, ``1:30``, ``1:02:03.25``.

    `setting` is the option that `SettingsError` names when the text says no time.
    """
    stripped = text.strip()
    if match := _CLOCK.fullmatch(stripped):
        hours, minutes = int(match["hours"] or 0), int(match["minutes"])
        seconds = Fraction(match["seconds"])
        if seconds < 60 and (minutes < 60 or match["hours"] is None):
            return hours * 3600 + minutes * 60 + seconds
    elif match := _SECONDS.fullmatch(stripped):
        return Fraction(match["number"]) * _UNIT_S[match["unit"] or "s"]
    raise SettingsError(
        f"{setting} is {text!r}, expected seconds (12.5, 0.5s, 500ms), mm:ss or hh:mm:ss.mmm"
    )


def as_written(seconds: Fraction | float) -> Fraction:
    """Return `seconds` as the shortest decimal that says them: 0.6 as 3/5, not as a bit less.

    Raises `ValueError` for what is not a number.
    """
    return Fraction(str(seconds)) if isinstance(seconds, float) else Fraction(seconds)


def clock(time: Fraction) -> str:
    """Return `time` as ``hh:mm:ss.mmm``, rounded to the millisecond."""
    sign = "-" if time < 0 else ""
    seconds, milliseconds = divmod(round(abs(time) * 1000), 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{sign}{hours:02d}:{minutes:02d}:{seconds:02d}.{milliseconds:03d}"


def frame_step(times: list[Fraction], fallback: Fraction) -> Fraction:
    """Return the median time between the frames at `times`, in seconds; `fallback` for one frame.

    The median, because a variable rate has outliers on both sides: a pause, a repeated stamp.
    """
    steps = [later - earlier for earlier, later in pairwise(times)]
    steps = [step for step in steps if step > 0]
    return Fraction(median(steps)) if steps else fallback


def exact_step(measured: Fraction, nominal: Fraction, tick: Fraction) -> Fraction:
    """Return `nominal` if `measured` equals it up to the rounding of a clock of `tick` s.

    Otherwise return `measured`. In the milliseconds of Matroska, a step of 29.97 Hz measures 33 or
    34, not 33.37.
    """
    return nominal if abs(measured - nominal) <= tick else measured


def frames_in(duration_s: Fraction, step: Fraction) -> int:
    """Return how many frames of `step` seconds make `duration_s`: the nearest number, at least 1.

    The nearest, so that half a second at 29.97 Hz is the 15 frames that people expect.
    """
    return max(1, round(duration_s / step))
