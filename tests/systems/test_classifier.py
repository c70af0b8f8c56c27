"""The system ``classifier``: what it learns, how pictures are moved, settings that cannot work."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from predictor.draws import shared_draws
from predictor.errors import SettingsError
from predictor.image_classifier import ImageClassifier
from predictor.systems import SYSTEMS
from predictor.systems.classifier import ClassifierSettings, build, randomly_shifted
from predictor.training.loop import train
from predictor.training.result import trained_networks
from predictor.training.settings import validated_settings

SMALL: dict[str, Any] = {
    "images": {"size": [8, 8], "channels": 1},
    "classes": 4,
    "network": {"maps": [8, 8], "dropout": 0.0},
    "batch_size": 16,
    "iterations": 250,
    "validate_every": 50,
    "device": "cpu",
    "precision": "fp32",
    "workers": 0,
    "threads": 1,
}


def test_four_kinds_of_stripes_are_told_apart(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    labels = np.arange(120) % 4
    images = random.integers(0, 80, (120, 8, 8), np.uint8)
    rows, columns = np.mgrid[:8, :8]
    kinds = [rows % 2, columns % 2, (rows + columns) % 2, rows // 2 % 2]
    images += np.stack([120 * kinds[label] for label in labels]).astype(np.uint8)
    path = tmp_path / "stripes.npz"
    np.savez(path, x_train=images, y_train=labels)
    settings = validated_settings(ClassifierSettings, SMALL)
    train(tmp_path / "run", "classifier", SYSTEMS["classifier"], settings, path)
    networks, _, record = trained_networks(tmp_path / "run", SYSTEMS)
    assert record["best"]["value"] < 0.2
    shown = torch.from_numpy(images[:40])[:, None] / 127.5 - 1
    with torch.no_grad():
        found = networks["classifier"](shown).logits.argmax(1)
    assert found.tolist() == labels[:40].tolist()
    assert list((tmp_path / "run/previews").glob("*/hardest.png"))


def test_pictures_are_moved_and_their_border_repeated() -> None:
    images = torch.arange(25.0).reshape(1, 1, 5, 5).expand(200, 2, 5, 5)
    with shared_draws(0):
        found = randomly_shifted(images, 1)
    assert found.shape == images.shape
    padded = torch.nn.functional.pad(images[:1], (1, 1, 1, 1), mode="replicate")
    windows = [padded[0, :, y : y + 5, x : x + 5] for y in range(3) for x in range(3)]
    seen = [next(k for k, window in enumerate(windows) if torch.equal(window, f)) for f in found]
    assert set(seen) == set(range(9))
    assert randomly_shifted(images, 0) is images


def test_loss_and_validation_of_a_network_that_knows_nothing() -> None:
    settings = validated_settings(ClassifierSettings, SMALL)
    system = build(settings)
    network: Any = system.networks["classifier"]
    torch.nn.init.zeros_(network.last.weight)
    torch.nn.init.zeros_(network.last.bias)
    batch = {"image": torch.rand(8, 1, 8, 8), "label": torch.arange(8) % 4}
    terms = system.phases[0].loss(system.networks, batch, {}).terms
    assert terms["cross_entropy"].item() == pytest.approx(math.log(4), abs=1e-6)
    with torch.no_grad():
        found = system.validate(system.networks, [batch, batch])
    assert found["cross_entropy"] == pytest.approx(math.log(4), abs=1e-6)
    assert found["accuracy_percent"] == 25  # all are taken for class 0


class Examples:
    """Pictures as a data set has them."""

    def __init__(self, images: Tensor) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Tensor]:
        return {"image": self.images[key[1]]}


DENSE: dict[str, Any] = {"network": "dense-classifier", "hidden": [8], "input_noise": 0.0}
NETWORKS: list[dict[str, Any]] = [
    {"network": "classifier", "maps": [4, 4]},
    {"network": "convolutional-classifier", "maps": [4, 4]},
    *({**DENSE, "units": units} for units in ("unit", "signed", "contrast", "standardized")),
]


@pytest.mark.parametrize("network", NETWORKS, ids=lambda it: it.get("units", it["network"]))
def test_a_network_sees_the_same_in_training_validation_and_use(network: dict[str, Any]) -> None:
    values = {**SMALL, "images": {"size": [12, 12], "channels": 1}, "network": network}
    system = build(validated_settings(ClassifierSettings, {**values, "shift_px": 0}))
    images = torch.rand(16, 1, 12, 12, generator=torch.Generator().manual_seed(0)) * 2 - 1
    batch = {"image": images, "label": torch.arange(16) % 4}
    assert system.prepare is not None
    system.prepare(system.networks, Examples(images))
    shown: list[Tensor] = []
    trained = system.networks["classifier"].eval()
    trained.register_forward_pre_hook(lambda _, inputs: shown.append(inputs[0]))
    system.phases[0].loss(system.networks, batch, {})
    with torch.no_grad():
        system.validate(system.networks, [batch])
    ImageClassifier(trained, None, torch.device("cpu"), False).probabilities(images)
    in_training, in_validation, in_use = shown
    assert torch.equal(in_training, in_use)
    assert torch.equal(in_validation, in_use)
    if network.get("units") == "standardized":
        assert in_use.mean(0).abs().max() < 1e-5
        assert in_use.std(0, correction=0).sub(1).abs().max() < 1e-3


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"network": {"network": "classifier", "classes": 7}}, "network.classes is 7"),
        ({"network": {"network": "dense-generator"}, "classes": 1}, "classes"),
        ({"images": {"size": 5}}, "images.size"),
    ],
)
def test_settings_that_cannot_work(values: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        validated_settings(ClassifierSettings, {**SMALL, **values})
