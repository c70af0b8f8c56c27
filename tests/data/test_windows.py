"""The probabilities of windows, against counts by hand."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictor.data.video_index import IndexedVideo, VideoIndex
from predictor.data.windows import (
    HALF_WEIGHT_MOTION,
    STILL_WEIGHT,
    WindowTable,
    cut_free_starts,
    window_table,
)


def video(
    motion: list[float],
    *,
    cuts: list[int] | None = None,
    repeats: list[int] | None = None,
    rate: int = 30,
    name: str = "a.mp4",
) -> IndexedVideo:
    return IndexedVideo(
        name=name,
        size=(8, 8),
        time_base=Fraction(1, rate),
        timestamps=np.arange(len(motion), dtype=np.int64),
        motion=np.asarray(motion, dtype=np.float32),
        cuts=np.asarray(cuts or [], dtype=np.int64),
        repeats=np.asarray(repeats or [], dtype=np.int64),
    )


def table(
    *videos: IndexedVideo,
    frames: int = 3,
    strides: tuple[int, ...] = (1,),
    lowest_rate_hz: float = 0,
    by_motion: bool = False,
    repeats_share: float = 1,
) -> WindowTable:
    return window_table(
        VideoIndex(Path("videos"), videos),
        frames,
        strides,
        lowest_rate_hz=lowest_rate_hz,
        by_motion=by_motion,
        repeats_share=repeats_share,
    )


def probabilities(windows: WindowTable) -> dict[tuple[int, int, int], float]:
    keys = zip(
        windows.videos.tolist(), windows.starts.tolist(), windows.strides.tolist(), strict=True
    )
    return dict(zip(keys, np.diff(windows.cumulative, prepend=0).tolist(), strict=True))


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(0, 6))
def test_windows_without_a_cut_are_those_that_a_search_finds(cut: list[bool], span: int) -> None:
    cuts = [number for number, is_cut in enumerate(cut) if is_cut and number]
    expected = [
        start
        for start in range(len(cut) - span)
        if not any(start < number <= start + span for number in cuts)
    ]
    assert cut_free_starts(video([0.0] * len(cut), cuts=cuts), span).tolist() == expected


def test_all_windows_are_alike_without_weights() -> None:
    found = probabilities(table(video([0, 0, 0, 0.1, 0.1]), video([0, 1, 1], name="b.mp4")))
    assert found == pytest.approx(
        {(0, 0, 1): 1 / 4, (0, 1, 1): 1 / 4, (0, 2, 1): 1 / 4, (1, 0, 1): 1 / 4}
    )


def test_weights_follow_the_motion_per_step() -> None:
    """Still: the least weight; half the full weight at `HALF_WEIGHT_MOTION`, up to the floor."""
    half = HALF_WEIGHT_MOTION
    found = probabilities(table(video([0, 0, 0]), video([9, half, half]), by_motion=True))
    moving = STILL_WEIGHT + (1 - STILL_WEIGHT) / 2
    total = STILL_WEIGHT + moving
    assert found == pytest.approx({(0, 0, 1): STILL_WEIGHT / total, (1, 0, 1): moving / total})


@pytest.mark.parametrize(("rate", "expected"), [(60, {1, 2, 4}), (30, {1, 2}), (10, {1}), (5, {1})])
def test_strides_leave_the_lowest_rate(rate: int, expected: set[int]) -> None:
    found = table(video([0.1] * 30, rate=rate), strides=(1, 2, 4), lowest_rate_hz=15)
    assert set(found.strides.tolist()) == expected


def test_windows_with_repeats_keep_to_their_share() -> None:
    """Of 8 windows of 3 frames, those from 1 and 2 hold the repeat 3 and have 1/10 in all."""
    found = probabilities(table(video([0.1] * 10, repeats=[3]), repeats_share=0.1))
    expected = {(0, start, 1): 0.05 if start in (1, 2) else 0.9 / 6 for start in range(8)}
    assert found == pytest.approx(expected)


def test_rare_repeats_are_not_made_frequent() -> None:
    found = probabilities(table(video([0.1] * 10, repeats=[3]), repeats_share=0.9))
    assert list(found.values()) == pytest.approx([1 / 8] * 8)


def test_no_share_leaves_windows_with_repeats_out() -> None:
    assert len(table(video([0.1] * 10, repeats=[3]), repeats_share=0)) == 6


def test_footage_of_nothing_but_repeats_is_still_used() -> None:
    assert len(table(video([0.1] * 4, repeats=[1, 2, 3]), repeats_share=0)) == 2


def test_draws_meet_windows_as_often_as_they_should() -> None:
    windows = table(video([0, 0, 0, 0.1, 0.1]), by_motion=True)
    expected = probabilities(windows)
    drawn = [windows.at((n + 0.5) / 10_000) for n in range(10_000)]
    for (_, start, _), share in expected.items():
        assert sum(w.start == start for w in drawn) / 10_000 == pytest.approx(share, abs=1e-3)
