"""What a run says, or refuses, when its data are not those that it began with."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from predictor.data import ImageSettings, split_images
from predictor.errors import UnusableData
from predictor.systems import SYSTEMS
from predictor.systems.classifier import ClassifierSettings
from predictor.systems.entry import TrainingData
from predictor.training.checkpoint import checkpoints_newest_first, read_checkpoint
from predictor.training.loop import resume, train
from predictor.training.settings import validated_settings

SETTINGS = validated_settings(
    ClassifierSettings,
    {
        "iterations": 3,
        "batch_size": 2,
        "classes": 2,
        "network": {"maps": [2, 3]},
        "images": {"size": [8, 8], "channels": 1, "validation_share": 0.25},
        "precision": "fp32",
        "device": "cpu",
        "workers": 0,
        "threads": 1,
    },
)


def class_folders(folder: Path, *names: str) -> Path:
    for number in range(8):
        path = folder / names[number % len(names)] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((8, 8), 30 * number, np.uint8))
    return folder


def test_classes_of_other_names_are_refused(tmp_path: Path) -> None:
    data, run = class_folders(tmp_path / "data", "cat", "dog"), tmp_path / "run"
    train(run, "classifier", SYSTEMS["classifier"], SETTINGS, data, until=1)
    (data / "cat").rename(data / "zebra")  # what was class 1 is class 0 now
    with pytest.raises(UnusableData, match=r"class 0 of .*data is 'dog', of the run .* 'cat'"):
        resume(run, SYSTEMS)
    other = class_folders(tmp_path / "other", "ant", "bee")
    with pytest.raises(UnusableData, match=r"class 0 of .*other is 'ant', of the run .* 'cat'"):
        resume(run, SYSTEMS, data=other)
    assert json.loads((run / "run.json").read_text())["data"] == str(data)
    (data / "zebra").rename(data / "cat")
    assert resume(run, SYSTEMS).name == "iteration-000003.safetensors"


def test_data_without_names_are_taken_by_their_numbers(tmp_path: Path) -> None:
    data, run = class_folders(tmp_path / "data", "cat", "dog"), tmp_path / "run"
    train(run, "classifier", SYSTEMS["classifier"], SETTINGS, data, until=1)
    array = tmp_path / "d.npz"
    images = np.arange(8, dtype=np.uint8)[:, None, None] + np.zeros((8, 8, 8), np.uint8)
    np.savez(array, images=images, labels=np.arange(8) % 2)
    assert resume(run, SYSTEMS, data=array).name == "iteration-000003.safetensors"


def test_other_pictures_are_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data, run = class_folders(tmp_path / "data", "cat", "dog"), tmp_path / "run"
    train(run, "classifier", SYSTEMS["classifier"], SETTINGS, data, until=1)
    moved = data.rename(tmp_path / "moved")
    resume(run, SYSTEMS, data=moved, until=2)
    assert "not those of before" not in caplog.text
    (moved / "cat" / "0.png").rename(moved / "dog" / "0.png")
    resume(run, SYSTEMS, data=moved)
    assert "the data in" in caplog.text
    assert "are not those of before: the run goes on with them" in caplog.text


def test_the_best_is_looked_for_anew_where_validation_sees_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data, run = tmp_path / "data", tmp_path / "run"
    for number in range(6):
        path = data / ("val" if number < 2 else "train") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((40, 40, 3), 120 + number, np.uint8))
    values = SETTINGS.model_dump(mode="json")
    shared = {key: values[key] for key in ("batch_size", "precision", "device", "threads")}
    settings = validated_settings(
        SYSTEMS["inpaint"].settings,
        {
            **shared,
            "iterations": 4,
            "validate_every": 1,
            "generator": {"widths": [4, 4], "blocks": [1, 1], "fine_width": 4, "hole_px": 16},
            "losses": {"adversarial": 0},
            "photos": {"crop": [32, 32]},
        },
    )

    def best() -> Any:
        return read_checkpoint(checkpoints_newest_first(run / "checkpoints")[0]).record["best"]

    train(run, "inpaint", SYSTEMS["inpaint"], settings, data, until=1)
    resume(run, SYSTEMS, until=2)
    assert "not th" not in caplog.text
    (data / "train" / "6.png").write_bytes((data / "train" / "3.png").read_bytes())
    resume(run, SYSTEMS, until=3)
    assert "the data in" in caplog.text
    assert "validation looks at" not in caplog.text
    easy = best()
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    cv2.imwrite(str(data / "val" / "0.png"), noise)
    resume(run, SYSTEMS, until=4)
    assert "validation looks at is not that of before" in caplog.text
    assert best()["iteration"] == 4
    assert best()["value"] < easy["value"]


def test_the_best_classifier_is_looked_for_anew_where_validation_sees_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data, run = tmp_path / "data", tmp_path / "run"
    class_folders(data / "train", "cat", "dog")
    class_folders(data / "val", "cat", "dog")
    settings = validated_settings(
        ClassifierSettings, {**SETTINGS.model_dump(mode="json"), "validate_every": 1}
    )
    train(run, "classifier", SYSTEMS["classifier"], settings, data, until=1)
    resume(run, SYSTEMS, until=2)
    assert "validation looks at" not in caplog.text
    cv2.imwrite(str(data / "val" / "cat" / "0.png"), np.full((8, 8), 255, np.uint8))
    resume(run, SYSTEMS, until=3)
    assert "validation looks at is not that of before" in caplog.text
    newest = checkpoints_newest_first(run / "checkpoints")[0]
    assert read_checkpoint(newest).record["best"]["iteration"] == 3


@pytest.mark.parametrize(
    "images", [{}, {"validation_count": 3}, {"validation_count": 3, "validation_rows": "last"}]
)
def test_no_picture_moves_across_when_others_come_or_go(
    tmp_path: Path, images: dict[str, Any]
) -> None:
    data, run = tmp_path / "data", tmp_path / "run"
    chosen = ImageSettings(size=(8, 8), channels=1, **images)

    def held_out() -> tuple[set[str], set[str]]:
        split = split_images(data, chosen, 0, run)
        keys = split.held_out.packed.keys
        trained = {keys[row] for row in split.train.rows}
        return trained, {keys[row] for row in split.held_out.rows}

    def picture(name: str, grey: int) -> None:
        path = data / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((8, 8), grey, np.uint8))

    for number in range(20):
        picture(f"{'cat' if number % 2 else 'dog'}/{number}", 10 * number)
    run.mkdir()
    trained, kept = held_out()
    (run / "run.json").touch()
    assert held_out() == (trained, kept)
    for number in range(40, 80):
        picture(f"{'cat' if number % 2 else 'dog'}/{number}", number)
    gone = min(kept)
    (data / gone).unlink()
    now_trained, now_kept = held_out()
    assert now_kept == kept - {gone}
    assert trained <= now_trained


def test_pictures_that_show_something_else_are_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data, run = class_folders(tmp_path / "data", "cat", "dog"), tmp_path / "run"
    train(run, "classifier", SYSTEMS["classifier"], SETTINGS, data, until=1)
    for path in data.rglob("*.png"):
        path.touch()
    resume(run, SYSTEMS, until=2)
    assert "not those of before" not in caplog.text
    cv2.imwrite(str(data / "cat" / "0.png"), np.full((8, 8), 9, np.uint8))
    resume(run, SYSTEMS)
    assert "are not those of before: the run goes on with them" in caplog.text


def test_a_run_without_a_digest_of_its_pictures_goes_on_without_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data, run = class_folders(tmp_path / "data", "cat", "dog"), tmp_path / "run"
    entry = SYSTEMS["classifier"]

    def opened_before(*arguments: Any) -> TrainingData:
        return replace(entry.open_data(*arguments), pictures=None)

    train(run, "classifier", replace(entry, open_data=opened_before), SETTINGS, data, until=1)
    resume(run, SYSTEMS, until=2)
    assert not caplog.records
    cv2.imwrite(str(data / "cat" / "0.png"), np.full((8, 8), 9, np.uint8))
    resume(run, SYSTEMS)
    assert "are not those of before: the run goes on with them" in caplog.text


def test_a_run_whose_labels_were_drawn_does_not_go_on_with_others(tmp_path: Path) -> None:
    values = SETTINGS.model_dump(mode="json")
    shared = {key: values[key] for key in ("batch_size", "precision", "device", "threads")}
    settings = validated_settings(
        SYSTEMS["improved-gan"].settings,
        {
            **shared,
            "iterations": 3,
            "classes": 2,
            "labels": 2,
            "images": {"size": [8, 8], "channels": 1, "validation_count": 2},
            "generator": {"hidden": [4]},
            "discriminator": {"hidden": [6, 4]},
        },
    )
    data, run = class_folders(tmp_path / "data", "cat", "dog"), tmp_path / "run"
    train(run, "improved-gan", SYSTEMS["improved-gan"], settings, data, until=1)
    shown = (data / "cat" / "0.png").read_bytes()
    for number in range(8, 20):
        (data / "cat" / f"{number}.png").write_bytes(shown)
    with pytest.raises(UnusableData, match="the labels drawn are not those that the run"):
        resume(run, SYSTEMS)
