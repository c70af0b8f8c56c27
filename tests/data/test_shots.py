"""Cuts, repeats and motion on pictures whose truth is known."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from synthetic_videos import moving_square, panned, texture

from predictor.data.shots import ShotMeasures, ShotMeter


def measured(frames: list[NDArray[np.uint8]]) -> ShotMeasures:
    meter = ShotMeter()
    for frame in frames:
        meter.add(torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1) / 127.5 - 1)
    return meter.measures()


def test_motion_is_the_mean_absolute_difference() -> None:
    """At the size of the thumbnail nothing is averaged, so the number is exact."""
    rng = np.random.default_rng(0)
    frames = list(rng.integers(0, 256, (4, 48, 64, 3), dtype=np.uint8))
    expected = [
        np.abs(after.mean(2) / 255 - before.mean(2) / 255).mean()
        for before, after in pairwise(frames)
    ]
    np.testing.assert_allclose(measured(frames).motion, [0, *expected], atol=1e-6)


@pytest.mark.parametrize("place", [1, 2, 9, 19])
def test_a_cut_is_found_wherever_it_is(place: int) -> None:
    frames = moving_square(place, seed=1) + moving_square(20 - place, seed=2)
    assert measured(frames).cuts.tolist() == [place]


def test_two_cuts_close_together_are_both_found() -> None:
    frames = moving_square(10, seed=1) + moving_square(4, seed=2) + moving_square(10, seed=3)
    assert measured(frames).cuts.tolist() == [10, 14]


@pytest.mark.parametrize("step", [4, 12, 20])
def test_a_pan_is_no_cut_at_any_speed(step: int) -> None:
    assert measured(panned(20, step)).cuts.tolist() == []


def test_a_pan_that_starts_at_once_is_no_cut() -> None:
    view = panned(10, 16)
    assert measured([view[0]] * 10 + view).cuts.tolist() == []


@pytest.mark.parametrize("length", [1, 2])
def test_a_flash_is_no_cut(length: int) -> None:
    frames = moving_square(20, seed=1)
    for number in range(8, 8 + length):
        frames[number] = np.full_like(frames[number], 255)
    assert measured(frames).cuts.tolist() == []


def test_a_change_of_brightness_is_no_cut() -> None:
    dark = [frame // 2 for frame in moving_square(10, seed=1)]
    assert measured(dark + moving_square(10, seed=1)).cuts.tolist() == []


def test_repeated_frames_of_converted_film_are_found() -> None:
    """24 frames as 30: every fourth is shown twice; lossy coding makes copies inexact."""
    rng = np.random.default_rng(0)
    film = panned(16, 3)
    shown = [n for number in range(16) for n in ([number] * 2 if number % 4 == 3 else [number])]
    frames = [
        np.clip(film[number] + rng.normal(0, 0.5, film[number].shape), 0, 255).astype(np.uint8)
        for number in shown
    ]
    expected = [place for place in range(1, len(shown)) if shown[place] == shown[place - 1]]
    assert measured(frames).repeats.tolist() == expected


def test_a_still_video_repeats_nothing() -> None:
    assert measured([texture(1)] * 12).repeats.tolist() == []


@pytest.mark.parametrize("count", [0, 1])
def test_videos_without_a_pair_of_frames_are_measured(count: int) -> None:
    measures = measured([texture(1)] * count)
    assert measures.motion.tolist() == [0.0] * count
    assert measures.cuts.tolist() == []
