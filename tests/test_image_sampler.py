"""Sampling: a picture is a function of its number, whatever the batch; classes are checked."""

from typing import Any

import numpy as np
import pytest
import torch

from predictor import image_sampler
from predictor.errors import SettingsError, TensorContractError, UnknownModel
from predictor.image_sampler import ImageSampler
from predictor.networks.dense_generator import DenseGenerator, DenseGeneratorConfig
from predictor.networks.labelled_convolutions import (
    LabelledConvolutionsConfig,
    LabelledGenerator,
)


def labelled() -> ImageSampler:
    torch.manual_seed(0)
    config = LabelledConvolutionsConfig(shape=(1, 8, 8), classes=3, dense=8, maps=(4, 4), scale=0.5)
    return ImageSampler(LabelledGenerator(config))


def unlabelled() -> ImageSampler:
    torch.manual_seed(0)
    shape = (3, 6, 5)
    return ImageSampler(
        DenseGenerator(
            DenseGeneratorConfig(shape, latent=7, hidden=(8,), activations=("relu",), scale=0.5)
        )
    )


@pytest.mark.parametrize("sampler", [labelled, unlabelled])
def test_a_picture_is_the_same_in_any_batch(
    sampler: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen: ImageSampler = sampler()  # type: ignore[operator] # a function
    everything = chosen.sampled(12, seed=4)
    monkeypatch.setattr(image_sampler, "BATCH", 5)
    assert torch.allclose(chosen.sampled(12, seed=4), everything, atol=1e-6)
    assert torch.allclose(chosen.sampled(1, seed=4, first=7), everything[7:8], atol=1e-6)
    assert not torch.allclose(chosen.sampled(12, seed=5), everything, atol=1e-3)
    assert -1 <= everything.min() <= everything.max() <= 1
    assert everything.std() > 0.01


def test_classes_come_in_turn_or_as_asked() -> None:
    sampler = labelled()
    latents = sampler.latents(0, range(6))
    turns = sampler.images(latents, [0, 1, 2, 0, 1, 2])
    assert torch.equal(sampler.sampled(6), turns)
    assert torch.equal(sampler.sampled(6, labels=[2] * 6), sampler.images(latents, [2] * 6))


def test_units_become_the_public_range() -> None:
    sampler = unlabelled()
    values = sampler.values(sampler.latents(0, range(3)))
    assert torch.allclose(sampler.sampled(3), 2 * values - 1, atol=1e-6)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (None, "has 3 classes: say of which"),
        ([0, 3], "class 3: the model has 0 to 2"),
        ([-1, 0], "class -1"),
        ([0, 1.5], "class 1.5: the model has 0 to 2"),
        (["0", "1"], "class '0': the model has 0 to 2"),
        ([0], "1 labels for 2 pictures"),
    ],
)
def test_wrong_classes(labels: list[Any] | None, said: str) -> None:
    sampler = labelled()
    with pytest.raises(UnknownModel, match=said):
        sampler.images(sampler.latents(0, range(2)), labels)


def test_classes_of_a_model_without() -> None:
    sampler = unlabelled()
    with pytest.raises(UnknownModel, match="the generator of this model takes no classes"):
        sampler.sampled(2, labels=[0, 1])
    with pytest.raises(TensorContractError, match=r"expected \(N, 7\)"):
        sampler.images(torch.zeros(2, 8))


def test_classes_have_names_and_numbers() -> None:
    network = DenseGenerator(DenseGeneratorConfig(classes=4))
    sampler = ImageSampler(network, class_names=["cat", "2", "dog"])
    assert sampler.class_names == ("cat", "2", "dog", "3")
    assert [sampler.label_of(name) for name in ("dog", "2", "0", "3")] == [2, 1, 0, 3]
    with pytest.raises(UnknownModel, match="no class 'cow', the model has cat, 2, dog, 3"):
        sampler.label_of("cow")


def test_numbers_that_are_names_are_no_other_numbers() -> None:
    network = DenseGenerator(DenseGeneratorConfig(classes=3))
    sampler = ImageSampler(network, class_names=["1", "10", "2"])
    assert sampler.labels_of("1,2,10") == (0, 2, 1)
    with pytest.raises(UnknownModel, match="no class '0', the model has 1, 10, 2"):
        sampler.label_of("0")
    assert ImageSampler(network).labels_of("0,2") == (0, 2)


def test_several_classes_are_told_apart_by_commas_also_where_names_have_some() -> None:
    network = DenseGenerator(DenseGeneratorConfig(classes=4))
    sampler = ImageSampler(network, class_names=["cat", "cat, black", "dog", " x"])
    assert sampler.labels_of("dog,0,cat") == (2, 0, 0)
    assert sampler.labels_of("cat, dog , 1") == (0, 2, 1)
    assert sampler.labels_of("cat, black,cat") == (1, 0)
    assert sampler.labels_of(" x,dog") == (3, 2)
    for names, said in (("", "''"), ("cat,", "''"), ("cat,black", "'black'"), ("dog,7", "'7'")):
        with pytest.raises(UnknownModel, match=f"no class {said}"):
            sampler.labels_of(names)


def test_latents_of_any_floating_type_are_taken() -> None:
    sampler = unlabelled()
    latents = sampler.latents(0, range(3))
    assert torch.equal(sampler.images(latents.double()), sampler.images(latents))
    with pytest.raises(TensorContractError, match=r"latents are torch\.int64"):
        sampler.images(latents.long())


def test_less_than_no_pictures_cannot_be_asked_for() -> None:
    assert unlabelled().sampled(0).shape == (0, 3, 6, 5)
    with pytest.raises(SettingsError, match="count is -1, expected a whole number from 0 on"):
        unlabelled().sampled(-1)
    with pytest.raises(SettingsError, match="first is -3, expected a whole number from 0 on"):
        unlabelled().sampled(1, first=-3)


def test_numbers_of_pictures_and_latents_are_what_they_should_be() -> None:
    wrong: Any = 0.5
    with pytest.raises(SettingsError, match=r"number is 0\.5, expected a whole number from 0 on"):
        unlabelled().latents(0, [1, wrong])
    array: Any = np.zeros((1, 4), np.float32)
    with pytest.raises(TensorContractError, match="latents are ndarray, expected a tensor"):
        unlabelled().images(array)


@pytest.mark.parametrize("seed", [1.0, "1", -1])
def test_seeds_are_whole_numbers(seed: Any) -> None:
    with pytest.raises(SettingsError, match=r"seed is .*1.*, expected a whole number from 0 on"):
        unlabelled().sampled(1, seed)
    sampler = unlabelled()
    assert torch.equal(sampler.sampled(1, np.int64(1)), sampler.sampled(1, 1))  # type: ignore[arg-type]


def test_defaults_of_pytorch_make_no_difference() -> None:
    sampler = labelled()
    expected = sampler.sampled(3)
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.equal(sampler.sampled(3), expected)
    finally:
        torch.set_default_dtype(torch.float32)
    with torch.device("meta"):
        assert torch.equal(sampler.sampled(3), expected)
