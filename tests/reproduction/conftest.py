"""Small data, and the recipes made small, for every test of ``predictor reproduce``."""

from pathlib import Path

import numpy as np
import pytest
from tiny_recipes import tiny


@pytest.fixture
def tiny_recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``predictor reproduce`` find the recipes with small networks and few iterations."""
    monkeypatch.setattr("predictor.recipes.load_recipe", lambda name: tiny(name))
    monkeypatch.setattr("predictor.reproduction.plan.load_recipe", lambda name: tiny(name))
    monkeypatch.setattr("predictor.analysis.supervised.IMAGES_SEEN", 60)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return 120 + 30 pictures of three classes, which a bright row tells apart."""
    path = tmp_path_factory.mktemp("data") / "d.npz"
    random = np.random.default_rng(0)

    def pictures(count: int) -> np.ndarray:
        images = random.integers(0, 80, (count, 8, 8), np.uint8)
        images[np.arange(count), 2 * (np.arange(count) % 3)] += 150
        return images

    np.savez(
        path,
        x_train=pictures(120),
        y_train=np.arange(120) % 3,
        x_test=pictures(30),
        y_test=np.arange(30) % 3,
    )
    return path
