"""Codes read from pictures, and what is known of those of samples."""

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch

from predictor.analysis.code_reader import CodeReader, group_information
from predictor.augmentation import AffineAugmentation
from predictor.errors import TensorContractError
from predictor.image_sampler import ImageSampler
from predictor.losses import categorical_information, uniform_information
from predictor.networks.infogan import (
    InfoganDiscriminator,
    InfoganDiscriminatorConfig,
    InfoganGenerator,
    InfoganGeneratorConfig,
)
from predictor.networks.normalization import measure_statistics
from predictor.structured_latents import StructuredLatents

CODES = StructuredLatents(noise=3, categorical=(3, 2), uniform=2)


@pytest.fixture
def reader() -> CodeReader:
    torch.manual_seed(0)
    config = InfoganDiscriminatorConfig((1, 8, 8), CODES, (4, 6), dense=7, read=5)
    network = InfoganDiscriminator(config)
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    measure_statistics(network, network, [torch.rand(200, 1, 8, 8)])
    return CodeReader(network)


@pytest.mark.parametrize(
    "images",
    [
        torch.full((2, 1, 8, 8), 200, dtype=torch.uint8),
        torch.full((2, 1, 8, 8), 200.0),
        np.zeros((2, 1, 8, 8)),
    ],
)
def test_what_is_no_picture_in_its_range_is_refused(reader: CodeReader, images: Any) -> None:
    with pytest.raises(TensorContractError, match="images"):
        reader.codes(images)


def test_most_likely_codes_of_a_picture_do_not_depend_on_the_others(reader: CodeReader) -> None:
    images = torch.rand(250, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    codes, posterior = reader.codes(images), reader.posterior(images)
    assert [len(found) for found in codes.categories] == [250, 250]
    for found, logits in zip(codes.categories, posterior.logits, strict=True):
        assert torch.equal(found, logits.argmax(1))
        assert len(found.unique()) > 1
    assert torch.equal(codes.numbers, posterior.means)
    alone = reader.codes(images[7:8])
    torch.testing.assert_close(alone.numbers, codes.numbers[7:8])
    assert not reader.network.training


def test_pictures_are_read_in_the_units_of_the_network(reader: CodeReader) -> None:
    images = torch.rand(4, 1, 8, 8) * 2 - 1
    with torch.no_grad():
        own = reader.network((images + 1) / 2).codes.means
    torch.testing.assert_close(reader.posterior(images).means, own)


def test_information_is_the_bound_over_samples_normalized_as_in_training(
    reader: CodeReader,
) -> None:
    generator = InfoganGenerator(InfoganGeneratorConfig((1, 8, 8), CODES, dense=6, maps=(4, 3)))
    sampler = ImageSampler(generator)
    before = {name: value.clone() for name, value in reader.network.state_dict().items()}
    found = reader.information(sampler, 100, seed=4)
    assert all(torch.equal(before[name], v) for name, v in reader.network.state_dict().items())

    latents = sampler.latents(4, range(100))
    with torch.no_grad():
        read = copy.deepcopy(reader.network).train()(generator(latents)).codes
    told = CODES.codes(latents)
    expected = [
        *(map(categorical_information, read.logits, told.categories)),
        *uniform_information(told.numbers, read.means, read.log_variances),
    ]
    assert list(found) == ["c1", "c2", "c3", "c4"]
    assert list(found.values()) == pytest.approx([float(value) for value in expected], abs=1e-3)
    assert all(value <= math.log(3) for value in list(found.values())[:2])
    assert reader.information(sampler, 101, seed=4)["c1"] == pytest.approx(found["c1"], abs=0.1)


def test_information_in_views_is_what_changes_leave(reader: CodeReader) -> None:
    generator = InfoganGenerator(InfoganGeneratorConfig((1, 8, 8), CODES, dense=6, maps=(4, 3)))
    sampler = ImageSampler(generator)
    whole = reader.information(sampler, 300, seed=4)
    still = AffineAugmentation(1.0, 0.0, 0.0, 0.0)
    assert reader.information(sampler, 300, 4, still) == pytest.approx(whole, abs=1e-4)
    away = AffineAugmentation(1.0, 0.0, 0.0, 5.0)  # at most a strip of an edge is left
    lost = reader.information(sampler, 300, 4, away)
    assert abs(lost["c1"] - whole["c1"]) > 1e-3
    assert lost == reader.information(sampler, 300, 4, away)


def test_groups_are_sums_over_their_codes() -> None:
    found = group_information(CODES, {"c1": 1.0, "c2": 0.5, "c3": 0.25, "c4": -1.0})
    assert found == {"categorical": 1.5, "uniform": -0.75}
    assert group_information(StructuredLatents(1, (), 1), {"c1": 2.0}) == {"uniform": 2.0}
