"""The table of an evaluation of frame predictors, as a terminal shows it."""

from pathlib import Path

import pytest
from rich.console import Console

from predictor.analysis.frames_evaluation import (
    CONSTANT_VELOCITY,
    MEASURES,
    REPEAT_LAST,
    Evaluation,
    WindowScores,
)
from predictor.analysis.frames_table import evaluation_tables, shown_steps
from predictor.data import EvaluationWindows, VideoIndex

METHODS = (REPEAT_LAST, CONSTANT_VELOCITY, "models/[mine]")


def printed(*videos: str) -> list[str]:
    """Return the lines of the table of one window a video; PSNR is 10 a method and 1 a step."""
    scores = {
        method: dict.fromkeys(MEASURES, tuple(10.0 * number + step for step in range(1, 9)))
        for number, method in enumerate(METHODS, start=2)
    }
    windows = tuple(WindowScores(0, video, 0.0, scores) for video in videos)
    source = EvaluationWindows(VideoIndex(Path("data"), ()), (), 0)
    console = Console(width=80)
    with console.capture() as captured:
        console.print(evaluation_tables(Evaluation(source, METHODS, 8, windows, ())))
    return captured.get().splitlines()


def test_methods_and_their_numbers_stand_on_one_line_of_80_columns() -> None:
    rows = [line.split() for line in printed("a", "b")]
    assert ["frames", "ahead", "1", "4", "8"] in rows
    for number, method in enumerate(METHODS, start=2):
        means = [f"{10 * number + step:.2f}" for step in (1, 4, 8)]
        assert [*method.split(), *means] in rows
    assert all(meaning.split() in rows for meaning in MEASURES.values())
    assert ["models/[mine]", *["+10.00"] * 3] in rows
    assert [*CONSTANT_VELOCITY.split(), *["0.0%"] * 3] in rows


def test_one_window_is_counted_as_one() -> None:
    assert "Means over 1 window, then over 1 video." in printed("a")
    assert "Means over 2 windows, then over 2 videos." in printed("a", "b")


def test_where_nothing_moves_there_is_no_table() -> None:
    assert printed()[1:] == ["Nothing moves in any window, so that there is nothing to compare."]


@pytest.mark.parametrize(
    ("horizon", "steps"), [(1, [1]), (2, [1, 2]), (3, [1, 2, 3]), (8, [1, 4, 8]), (9, [1, 5, 9])]
)
def test_first_middle_and_last_step_are_shown(horizon: int, steps: list[int]) -> None:
    assert shown_steps(horizon) == steps
