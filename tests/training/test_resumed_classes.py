"""A run is carried on only where its labels mean what they meant."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from predictor.errors import UnusableData
from predictor.systems import SYSTEMS
from predictor.systems.classifier import ClassifierSettings
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
