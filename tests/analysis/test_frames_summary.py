"""Means over windows, then videos; gains, shares, intervals: all in closed form."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from predictor.analysis.frames_evaluation import (
    CONSTANT_VELOCITY,
    MEASURES,
    REPEAT_LAST,
    Evaluation,
    WindowScores,
)
from predictor.analysis.frames_summary import (
    evaluation_json,
    gain_over_baselines,
    mean_over_videos,
    share_worse,
    video_gains,
)
from predictor.data import EvaluationWindows, VideoIndex

METHODS = (REPEAT_LAST, CONSTANT_VELOCITY, "ours")


def window(video: str, **psnr_db: float | None) -> WindowScores:
    """Return a window whose every measure is the PSNR given as `repeat`, `dis` and `ours`."""
    values: Mapping[str, float | None] = dict(
        zip(METHODS, (psnr_db["repeat"], psnr_db["dis"], psnr_db["ours"]), strict=True)
    )
    return WindowScores(
        0,
        video,
        0.0,
        {method: dict.fromkeys(MEASURES, (values[method],)) for method in METHODS},
    )


def evaluation(*windows: WindowScores) -> Evaluation:
    source = EvaluationWindows(VideoIndex(Path("data"), ()), (), 0)
    return Evaluation(source, METHODS, 1, windows, ())


UNEVEN = evaluation(
    window("a", repeat=20, dis=24, ours=30),
    window("a", repeat=22, dis=20, ours=20),
    window("a", repeat=24, dis=22, ours=25),
    window("b", repeat=30, dis=10, ours=29.95),
    window("c", repeat=46, dis=10, ours=10),
)


def test_mean_weighs_videos_not_windows_and_leaves_still_windows_out() -> None:
    assert mean_over_videos(UNEVEN, REPEAT_LAST, "psnr_db", 1).value == (22 + 30) / 2
    assert mean_over_videos(UNEVEN, "ours", "ssim", 1).value == pytest.approx((25 + 29.95) / 2)


def test_windows_without_a_value_are_left_out_of_their_mean() -> None:
    some = evaluation(
        window("a", repeat=20, dis=1, ours=None),
        window("a", repeat=20, dis=1, ours=30),
        window("b", repeat=20, dis=1, ours=None),
    )
    assert mean_over_videos(some, "ours", "moving_psnr_db", 1).value == 30
    assert mean_over_videos(some, REPEAT_LAST, "moving_psnr_db", 1).value == 20


def test_gain_is_over_the_larger_of_the_means_not_the_mean_of_the_larger() -> None:
    # Means: repeat 26, DIS 16; the better of both in each video would average 26 too here, so:
    two = evaluation(
        window("a", repeat=20, dis=30, ours=30), window("b", repeat=30, dis=10, ours=30)
    )
    assert gain_over_baselines(two, "ours", 1).value == 30 - 25


def test_share_counts_windows_worse_by_over_a_tenth() -> None:
    # Second window loses 2 dB; the one of b loses .05, under the threshold; c is still.
    assert share_worse(UNEVEN, "ours", 1) == 1 / 4


def test_videos_are_ranked_by_the_gain_over_their_better_baseline() -> None:
    gains = video_gains(UNEVEN, "ours", 1)
    assert [(gain.video, round(gain.gain_db, 6)) for gain in gains] == [("a", 3.0), ("b", -0.05)]
    assert len(gains[0].windows) == 3


def test_interval_covers_the_mean_of_a_known_distribution() -> None:
    values = np.random.default_rng(3).normal(30, 2, size=400)
    mean = mean_over_videos(
        evaluation(*(window(str(k), repeat=20, dis=1, ours=v) for k, v in enumerate(values))),
        "ours",
        "psnr_db",
        1,
    )
    assert mean.value == pytest.approx(values.mean())
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert mean.low == pytest.approx(values.mean() - half, abs=0.03)
    assert mean.high == pytest.approx(values.mean() + half, abs=0.03)


def test_paired_gain_is_surer_than_its_parts() -> None:
    spread = np.linspace(15, 40, 30)
    paired = evaluation(
        *(window(str(k), repeat=v, dis=v - 3, ours=v + 1) for k, v in enumerate(spread))
    )
    gain = gain_over_baselines(paired, "ours", 1)
    assert gain.value == pytest.approx(1)
    assert (gain.low, gain.high) == pytest.approx((1, 1))


def test_document_is_plain_json_with_none_for_what_was_not_measured() -> None:
    still = evaluation(window("a", repeat=50, dis=10, ours=10))
    document = json.loads(json.dumps(evaluation_json(still), allow_nan=False))
    assert document["still_windows"] == 1
    assert document["means"]["ours"]["psnr_db"] == [{"mean": None, "low": None, "high": None}]
    assert document["share_worse_than_repeat_last"]["ours"] == [None]
