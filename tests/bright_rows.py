"""Small pictures of three classes that can be told apart, for tests of generators."""

from pathlib import Path

import numpy as np


def pictures(count: int, seed: int) -> np.ndarray:
    """Pictures of three classes: a bright row each, in noise."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 60, (count, 6, 6), np.uint8)
    images[np.arange(count), np.arange(count) % 3] += 150
    return images


def write_data(path: Path) -> None:
    """Write 120 pictures to train on and 60 for testing, with their classes, as NPZ."""
    np.savez(
        path,
        x_train=pictures(120, 0),
        y_train=np.arange(120) % 3,
        x_test=pictures(60, 1),
        y_test=np.arange(60) % 3,
    )
