"""Neighbours, histograms of gradients, and networks that learn from labels alone."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from predictor.analysis.pictures import as_images
from predictor.analysis.probe import linear_svms
from predictor.analysis.probe_baselines import hog_features, nearest_neighbours
from predictor.analysis.supervised import (
    Trial,
    fresh_encoder,
    random_trials,
    supervised_networks,
)
from predictor.networks.dcgan import DcganDiscriminator, DcganDiscriminatorConfig


def stripes(
    count: int, seed: int, channels: int = 1
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return noisy stripes 16 x 16, lying (0) or standing (1), at any place."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    pictures = np.empty((count, 16, 16, channels), np.uint8)
    for picture, label in zip(pictures, labels, strict=True):
        line = 128 + 80 * np.sin(np.arange(16) * np.pi / 2 + random.uniform(0, 6))
        plane = np.tile(line, (16, 1)) if label else np.tile(line[:, None], (1, 16))
        noisy = plane[..., None] + random.normal(0, 15, (16, 16, channels))
        picture[:] = noisy.clip(0, 255)
    return pictures, labels


def test_neighbours_vote() -> None:
    points = np.array([[0.0], [1.0], [2.0], [10.0], [11.0]], np.float32)
    labels = np.array([0, 1, 0, 1, 1])
    fits = nearest_neighbours((1, 3, 99))
    asked = np.array([[0.9], [10.4]], np.float32)
    assert fits["k=1"](points, labels, 0)(asked).tolist() == [1, 1]
    assert fits["k=3"](points, labels, 0)(asked).tolist() == [0, 1]
    assert fits["k=99"](points, labels, 0)(asked).tolist() == [1, 1]  # all there are
    assert fits["k=1"](points[:, None, None], labels, 0)(asked[:, None, None]).tolist() == [1, 1]


@pytest.mark.parametrize("channels", [1, 3])
def test_histograms_tell_directions_apart(channels: int) -> None:
    pictures, labels = stripes(40, 0, channels)
    features = hog_features(pictures)
    assert features.shape == (40, 7 * 7 * 4 * 9)  # blocks of 2 x 2 of 8 x 8 cells of 2 pixels
    others, truth = stripes(40, 1, channels)
    predict = linear_svms((0.1,))["C=0.1"](features, labels, 0)
    assert np.mean(predict(hog_features(others)) == truth) == 1


def test_a_network_learns_from_labels_alone() -> None:
    encoder = DcganDiscriminator(
        DcganDiscriminatorConfig(size=(16, 16), channels=1, maps=(4, 8), kernel=3)
    )
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    pictures, labels = stripes(60, 0)
    others, truth = stripes(60, 1)
    trial = Trial(learning_rate=1e-2, weight_decay=0.0)
    (fit,) = supervised_networks(encoder, 2, [trial], images_seen=1500).values()
    state = torch.get_rng_state()
    predict = fit(pictures, labels, 0)
    assert np.mean(predict(others) == truth) > 0.9
    assert np.array_equal(fit(pictures, labels, 0)(others), predict(others))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())


def test_a_training_has_as_many_steps_for_fewer_labels_than_a_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoder = DcganDiscriminator(
        DcganDiscriminatorConfig(size=(16, 16), channels=1, maps=(4, 8), kernel=3)
    )
    pictures, labels = stripes(200, 0)
    steps, step = [], torch.optim.Adam.step
    monkeypatch.setattr(torch.optim.Adam, "step", lambda adam: steps[-1].append(0) or step(adam))
    (fit,) = supervised_networks(encoder, 2, random_trials(1), images_seen=640).values()
    for count in (4, 64, 200):
        steps.append([])
        fit(pictures[:count], labels[:count], 0)
    assert list(map(len, steps)) == [10, 10, 10]


def test_fresh_networks_depend_on_their_seed_alone() -> None:
    encoder = DcganDiscriminator(DcganDiscriminatorConfig(size=(16, 16), maps=(4, 8)))
    one, same, other = (fresh_encoder(encoder, seed) for seed in (0, 0, 1))
    weights = [network.last.weight for network in (one, same, other)]  # type: ignore[attr-defined] # its layer
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert one.image_shape == encoder.image_shape


def test_trials_differ_and_come_again() -> None:
    trials = random_trials(8)
    assert trials == random_trials(8)
    assert len({str(trial) for trial in trials}) == 8
    assert all(1e-4 < trial.learning_rate < 1e-2 for trial in trials)


def test_pictures_become_images() -> None:
    pictures = np.arange(24, dtype=np.uint8).reshape(1, 2, 4, 3) * 11
    images = as_images(pictures)
    assert images.shape == (1, 3, 2, 4)
    assert images[0, 1, 1, 2].item() == pytest.approx(pictures[0, 1, 2, 1] / 127.5 - 1)
