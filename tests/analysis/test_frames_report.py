"""The report is one file, its pictures are the windows it names, the best before the worst."""

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from torch import Tensor

from predictor.analysis.frames_evaluation import REPEAT_LAST, evaluated
from predictor.analysis.frames_report import html_report
from predictor.analysis.frames_summary import mean_over_videos, video_gains
from predictor.flow import constant_velocity

HORIZON = 3


def half_way(clip: Tensor, count: int) -> Tensor:
    """Predict well where little moves and badly where much does."""
    return 0.8 * constant_velocity(clip, count) + 0.2 * clip[:, -1:]


def frame(speed: int, k: int) -> np.ndarray:
    """Return frame `k` of the video ``speed {speed}``, BGR."""
    picture = cv2.GaussianBlur(np.random.default_rng(speed).random((90, 200, 3)), (0, 0), 2)
    picture = (255 * (picture - picture.min()) / np.ptp(picture)).astype(np.uint8)
    return picture[10:58, 10 + speed * k : 74 + speed * k]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[str]]:
    """Return a report and the names of its videos, the best first."""
    root = tmp_path_factory.mktemp("clips & <more>")
    for speed in (0, 1, 2, 3, 4):
        (root / f"speed {speed}").mkdir()
        for k in range(12 + HORIZON):
            cv2.imwrite(str(root / f"speed {speed}" / f"{k:06d}.png"), frame(speed, k))
    models = {"half <way>": half_way}
    evaluation = evaluated(root, models, horizon=HORIZON, windows_per_video=1)
    names = [gain.video for gain in video_gains(evaluation, "half <way>", 1)]
    html = html_report(evaluation, models)
    mean = mean_over_videos(evaluation, REPEAT_LAST, "psnr_db", 2)
    assert f"<td>{mean.value:.2f}<small>" in html
    return html, names


class Tags(HTMLParser):
    """Checks that every tag that is opened is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_page_is_well_formed_and_needs_nothing_but_itself(page: tuple[str, list[str]]) -> None:
    tags = Tags()
    tags.feed(page[0])
    assert tags.open == []
    assert all(source.startswith("data:image/jpeg;base64,") for source in tags.sources)
    assert "http" not in page[0]
    assert "url(" not in page[0]


def test_best_videos_come_first_and_none_is_shown_twice(page: tuple[str, list[str]]) -> None:
    html, names = page
    assert len(names) == 4
    shown = re.findall(r"<h3>(.*?)</h3>", html)
    assert shown == [names[0], names[1], names[3], names[2]]
    assert html.index("Best videos") < html.index(f"<h3>{names[1]}") < html.index("Worst videos")


def test_pictures_are_those_of_the_window(page: tuple[str, list[str]]) -> None:
    html, names = page
    found = re.findall(r"base64,([^\"]+)\" alt=\"([^\"]+)\"", html)
    assert len(found) == 4 * 3 * 6
    assert [name.split(",")[0] for _, name in found[:6]] == [
        "last frame seen",
        "frame 1",
        "half &lt;way&gt;",
        "DIS constant velocity",
        "error of half &lt;way&gt;",
        "error of DIS constant velocity",
    ]
    speed = int(names[0].removeprefix("speed "))
    for (data, _), k in zip(found[:2], (11, 12), strict=True):
        encoded = np.frombuffer(base64.b64decode(data), np.uint8)
        shown = cv2.imdecode(encoded, cv2.IMREAD_COLOR).astype(float)
        errors = [np.abs(shown - frame(speed, j)).mean() for j in range(12 + HORIZON)]
        assert int(np.argmin(errors)) == k


def test_still_windows_are_listed_apart(page: tuple[str, list[str]]) -> None:
    assert "1 still windows" in page[0]
    assert "speed 0" not in page[1]


def test_footage_in_which_nothing_moves_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "still").mkdir()
    for k in range(13):
        cv2.imwrite(str(tmp_path / "still" / f"{k:06d}.png"), frame(0, 0))
    models = {"half": half_way}
    evaluation = evaluated(tmp_path, models, horizon=1, windows_per_video=1)
    html = html_report(evaluation, models)
    assert "Nothing moves in any window." in html
    assert "nan" not in html
    assert "Best videos" not in html
