"""The test of Chen et al. 2016, on networks whose answers are known."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from predictor.augmentation import AffineAugmentation
from predictor.errors import UnknownModel, UnusableData
from predictor.recipes import load_recipe
from predictor.reproduction.codes import chen_2016
from predictor.reproduction.measured import Subject, Trained
from predictor.reproduction.protocols import PROTOCOLS
from predictor.systems.infogan import InfoganSettings, build
from predictor.training.settings import validated_settings


def subject(data: Path, **latents: Any) -> Subject:
    values = {
        "latents": {"noise": 3, "categorical": [3], "uniform": 1} | latents,
        "generator": {"network": "infogan", "dense": 6, "maps": [4, 3]},
        "discriminator": {
            "network": "infogan-discriminator", "dense": 6, "maps": [3, 4], "read": 5,
        },
        "images": {"size": [8, 8]},
    }  # fmt: skip
    settings = validated_settings(InfoganSettings, values)
    torch.manual_seed(0)
    recipe = load_recipe("infogan-mnist")
    few = recipe.protocol_settings.model_copy(update={"samples": 200})
    return Subject(
        recipe=recipe.model_copy(update={"protocol_settings": few}),
        settings=settings,
        data=data,
        model=Trained("mine", build(settings).networks),
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "d.npz"
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8), np.uint8)
    labels = np.array([1] * 5 + [0] * 5)
    np.savez(path, x_train=images[:10], y_train=labels, x_test=images[10:], y_test=labels)
    return path


def test_a_reader_that_always_answers_one_category_has_no_information_and_half_the_error(
    data: Path,
) -> None:
    chosen = subject(data)
    judge: Any = chosen.model.networks["discriminator"]
    last = judge.reader[-1]
    nn.init.zeros_(last.weight)
    with torch.no_grad():
        last.bias.copy_(torch.tensor([0.0, 0.0, 1e-4, 0.0, 0.0]))
    found = chen_2016(chosen)
    (row,) = found.rows
    assert row.method == "mine"
    assert row.scores["c1_error_percent"] == 50
    assert row.scores["information_c1_nats"] == pytest.approx(0, abs=1e-3)
    assert set(row.scores) == set(found.headings)
    assert found.notes[0].startswith("10 test pictures")
    assert "200 samples" in found.notes[0]


def test_what_c1_tells_in_views_is_measured_where_they_were_trained_with(data: Path) -> None:
    chosen = subject(data)
    for weight in chosen.model.networks["discriminator"].parameters():
        nn.init.normal_(weight)
    assert "information_c1_in_views_nats" not in chen_2016(chosen).rows[0].scores
    changed = chosen.settings.model_copy(update={"views": AffineAugmentation(translation=3.0)})
    found = chen_2016(replace(chosen, settings=changed))
    scores = found.rows[0].scores
    assert set(scores) == set(found.headings)
    assert found.headings["information_c1_in_views_nats"] == "information of c1 in views, nats"
    assert scores["information_c1_in_views_nats"] != scores["information_c1_nats"]
    assert "information_c2_in_views_nats" not in scores


def test_the_last_weights_are_tested() -> None:
    assert PROTOCOLS["chen-2016"].checkpoint == "newest"


def test_what_cannot_be_tested_is_named(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownModel, match="mine has no categorical code"):
        chen_2016(subject(data, categorical=[]))
    whole = subject(data)
    alone = {"generator": whole.model.networks["generator"]}
    with pytest.raises(UnknownModel, match="mine has no categorical code"):
        chen_2016(replace(whole, model=Trained("mine", alone)))
    bare = tmp_path / "bare.npz"
    images = np.zeros((10, 8, 8), np.uint8)
    np.savez(bare, x_train=images, x_test=images)
    with pytest.raises(UnusableData, match="has no labels, by which c1 is judged"):
        chen_2016(replace(whole, data=bare))
