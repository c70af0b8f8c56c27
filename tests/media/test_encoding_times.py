"""Times of pictures, even and variable, come back as they were written."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from made_videos import Recipe, marked_picture, smooth_picture, write_video
from written_videos import NTSC, PLAIN, SIZE, written

from predictor.media.encoding import VideoWriter
from predictor.media.video import open_video, probe


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm", "ts"])
def test_variable_times_are_kept(tmp_path: Path, suffix: str) -> None:
    times = [Fraction(n * 40 + n * n % 17, 1000) for n in range(12)]
    like = replace(PLAIN, time_base=Fraction(1, 1000), average_rate=Fraction(25))
    info, frames = written(tmp_path / f"a.{suffix}", like, times=times)
    assert [frame.time - frames[0].time for frame in frames] == [t - times[0] for t in times]
    assert info.is_variable_rate


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_a_long_pause_is_kept(tmp_path: Path, suffix: str) -> None:
    ticks = [n * 3000 + n * n % 17 * 90 for n in range(12)]
    ticks += [ticks[-1] + 1800 * 90000 + 2999 * n + 2 for n in range(1, 4)]
    pictures = [marked_picture(n) for n in range(len(ticks))]
    recipe = Recipe(time_base=Fraction(1, 90000), times=ticks)
    source = write_video(tmp_path / "a.mp4", pictures, recipe)
    like = probe(source)
    assert like.average_rate.numerator == 90000 * len(ticks)  # that many a second are too many
    times = [Fraction(tick, 90000) for tick in ticks]
    _, frames = written(tmp_path / f"b.{suffix}", like, len(times), times=times)
    assert [frame.time - frames[0].time for frame in frames] == times


def test_variable_times_of_a_phone_s_mpeg4_are_kept(tmp_path: Path) -> None:
    ticks = [n * 1066 + n * n % 17 for n in range(11)]  # their mean and the clock have 1/176000
    recipe = Recipe("mpeg4", {}, time_base=Fraction(1, 16000), times=ticks)
    source = write_video(tmp_path / "a.mp4", [marked_picture(n) for n in range(11)], recipe)
    like = probe(source)
    assert (like.codec, like.is_variable_rate) == ("mpeg4", True)
    times = [Fraction(tick, 16000) for tick in ticks]
    _, frames = written(tmp_path / "b.mp4", like, 11, times=times)
    assert [frame.time for frame in frames] == times


@pytest.mark.parametrize("suffix", ["avi", "mp4"])
def test_an_odd_rate_of_mpeg4_is_met(tmp_path: Path, suffix: str) -> None:
    rate = Fraction(10000000, 417083)  # as capture programs write 23.976 to AVI
    like = replace(PLAIN, codec="mpeg4", average_rate=rate, time_base=1 / rate)
    info, frames = written(tmp_path / f"a.{suffix}", like)
    assert info.average_rate == pytest.approx(rate, rel=1e-8)
    assert [frame.time for frame in frames] == [n / info.average_rate for n in range(12)]


def test_a_clock_too_fine_for_mpeg4_becomes_a_coarser_one(tmp_path: Path) -> None:
    times = [Fraction(n * 3000 + n * n % 17 * 90, 90000) for n in range(12)]
    like = replace(PLAIN, codec="mpeg4", average_rate=Fraction(25), time_base=Fraction(1, 90000))
    like = replace(like, is_variable_rate=True)
    _, frames = written(tmp_path / "a.mp4", like, times=times)
    assert [frame.time for frame in frames] == times


def test_a_rate_that_the_source_s_clock_cannot_tell_is_exact(tmp_path: Path) -> None:
    like = replace(PLAIN, time_base=Fraction(1, 1000), average_rate=NTSC)
    _, frames = written(tmp_path / "a.mp4", like)
    assert [frame.time for frame in frames] == [n / NTSC for n in range(12)]


def test_a_late_start_is_kept(tmp_path: Path) -> None:
    times = [Fraction(5, 4) + n / Fraction(25) for n in range(12)]
    like = replace(PLAIN, average_rate=Fraction(25), time_base=Fraction(1, 12800))
    for suffix in ("mp4", "mkv"):
        _, frames = written(tmp_path / f"a.{suffix}", like, times=times)
        assert [frame.time for frame in frames] == times


def test_the_last_picture_stays_as_long_as_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with VideoWriter(path, replace(PLAIN, time_base=Fraction(1, 1000)), SIZE) as writer:
        for number in range(4):
            duration = Fraction(2) if number == 3 else None
            writer.write(smooth_picture(number), number / NTSC, duration)
    with open_video(path) as reader:
        assert [frame.duration for frame in reader][-1] == Fraction(2)
    assert probe(path).duration_s == pytest.approx(float(3 / NTSC + 2), abs=1e-3)


@pytest.mark.parametrize("rate", [25, 30])
def test_times_on_half_ticks_do_not_meet(tmp_path: Path, rate: int) -> None:
    """As FFmpeg's program streams have them, whose first picture is at 0.54 s."""
    first = Fraction(27, 2 * rate)
    times = [first + Fraction(n, rate) for n in range(12)]
    like = replace(PLAIN, codec="mpeg2video", average_rate=Fraction(rate))
    _, frames = written(tmp_path / "a.mpg", like, times=times)
    assert [frame.time - frames[0].time for frame in frames] == [time - first for time in times]


@pytest.mark.parametrize("suffix", ["avi", "mxf"])
def test_h264_where_no_times_put_b_frames_in_order_keeps_its_times(
    tmp_path: Path, suffix: str
) -> None:
    like = replace(PLAIN, codec="h264", average_rate=Fraction(25))
    _, frames = written(tmp_path / f"a.{suffix}", like)
    assert [frame.time for frame in frames] == [Fraction(n, 25) for n in range(12)]


@pytest.mark.parametrize(
    ("name", "codec", "first"),
    [
        ("a.mpg", "mpeg2video", Fraction(56, 100)),
        ("a.mpg", "mpeg2video", Fraction(54, 100)),
        ("a.mpg", "mpeg1video", Fraction(571, 1000)),
        ("a.ts", "mpeg2video", Fraction(1451, 1000)),
        ("a.wmv", "wmv2", Fraction(46, 1000)),
        ("a.mkv", "mpeg2video", Fraction(46, 1000)),
        ("a.mp4", "mpeg4", Fraction(46, 1000)),
    ],
)
def test_the_first_time_of_an_even_rate_is_kept(
    tmp_path: Path, name: str, codec: str, first: Fraction
) -> None:
    times = [first + Fraction(n, 25) for n in range(12)]
    like = replace(PLAIN, codec=codec, average_rate=Fraction(25), time_base=Fraction(1, 1000))
    info, frames = written(tmp_path / name, like, times=times)
    assert abs(frames[0].time - first) <= info.time_base / 2
    assert [frame.time - frames[0].time for frame in frames] == [time - first for time in times]
