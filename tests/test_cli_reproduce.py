"""``predictor reproduce``: published and measured numbers side by side."""

import json
from collections.abc import Callable
from math import log10
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from torch import Tensor
from typer.testing import CliRunner

from predictor.cli import app
from predictor.errors import SettingsError, UnknownModel, UnusableData
from predictor.frame_predictor import FramePredictor

run = CliRunner().invoke


@pytest.fixture(scope="module")
def model(small_model: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(small_model(tmp_path_factory.mktemp("weights") / "small.safetensors"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("clips")
    for seed, name in enumerate(("a", "b", "c")):
        picture = (255 * np.random.default_rng(seed).random((48, 120, 3))).astype(np.uint8)
        picture = cv2.GaussianBlur(picture, (0, 0), 2)
        (root / name).mkdir()
        for k in range(6):
            cv2.imwrite(str(root / name / f"{k:06d}.png"), picture[:, 2 * k : 2 * k + 64])
    return str(root)


@pytest.mark.parametrize("recipe", ["mathieu-paper", "mathieu-official"])
def test_document_has_both_readings_beside_the_published_table(
    recipe: str, model: str, data: str
) -> None:
    done = run(app, ["reproduce", recipe, model, data, "--json"])
    assert done.exit_code == 0, done.output
    (entry,) = json.loads(done.stdout)["results"]
    assert (entry["recipe"], entry["model"], entry["videos"]) == (recipe, model, 3)
    last = next(row for row in entry["published"] if row["method"] == "last input frame")
    assert (last["psnr_db"], last["ssim"]) == ([28.7, 23.8], [0.89, 0.83])
    for reading in ("code", "paper"):
        rows = {row["method"]: row for row in entry["measured"][reading]}
        assert set(rows) == {"repeat-last", "DIS constant velocity", model}
        assert rows["repeat-last"]["windows_counted"] == [3, 3]
        assert rows["DIS constant velocity"]["psnr_db"][0] > rows["repeat-last"]["psnr_db"][0]
    code, paper = (entry["measured"][reading][0] for reading in ("code", "paper"))
    # every pixel moves here, so only the peaks differ: 255 / 128 and 2
    expected = paper["psnr_db"][0] + 20 * log10(255 / 256)
    assert code["psnr_db"][0] == pytest.approx(expected, abs=1e-3)


def test_the_network_is_shown_repeated_frames_as_they_are(
    model: str, data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    predict = FramePredictor.predict

    def noted(self: FramePredictor, clip: Tensor, count: int = 1, **options: Any) -> Tensor:
        asked.append(options)
        return predict(self, clip, count, **options)

    monkeypatch.setattr(FramePredictor, "predict", noted)
    assert run(app, ["reproduce", "mathieu-paper", model, data, "--json"]).exit_code == 0
    assert asked == 3 * [{"follows_cadence": False}]


def test_a_list_chooses_the_videos(model: str, data: str, tmp_path: Path) -> None:
    names = tmp_path / "list.txt"
    names.write_text("c\nb\na\n")
    arguments = ["reproduce", "mathieu-paper", model, data, "--json", "--every", "2"]
    for chosen in (arguments, [*arguments, "--list", str(names)]):
        done = run(app, chosen)
        assert json.loads(done.stdout)["results"][0]["videos"] == 2, done.output


def test_table_names_the_paper_the_model_and_where_the_mask_is_from(
    model: str, data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    done = run(app, ["reproduce", "mathieu-paper", model, data])
    assert done.exit_code == 0, done.output
    for said in (
        "Adv+GDL*, then UCF101",
        "[memory, not confirmed]",
        model,
        "not from the authors' flow images",
    ):
        assert said in done.stdout


def test_what_is_not_there_is_named(model: str, data: str, tmp_path: Path) -> None:
    for arguments, error in (
        (["mathieu-papr", model, data], SettingsError),
        (["mathieu-paper", "frams", data], UnknownModel),
        (["mathieu-paper", model, str(tmp_path)], UnusableData),
    ):
        assert isinstance(run(app, ["reproduce", *arguments]).exception, error)


def test_a_recipe_of_videos_needs_a_model_and_has_no_seeds(model: str, data: str) -> None:
    for arguments, said in (
        ([data], "is tested on other videos than it is trained on"),
        ([model, data, "--seeds", "2"], "--seeds does not apply to the recipe 'mathieu-paper'"),
        ([model, data, "--budget", "1h"], "--budget does not apply to the recipe 'mathieu-paper'"),
    ):
        done = run(app, ["reproduce", "mathieu-paper", *arguments], env={"COLUMNS": "200"})
        assert done.exit_code == 2, done.output
        assert said in done.output
