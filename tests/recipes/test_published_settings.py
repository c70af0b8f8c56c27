"""Rates, batch sizes and loss weights of the recipes against those of papers and released code."""

from typing import Any

import pytest
import torch

from predictor.recipes import load_recipe, recipe_names
from predictor.systems import SYSTEMS
from predictor.systems.phases import Optimizer
from predictor.training.settings import validated_settings


def settings_of(name: str) -> Any:
    recipe = load_recipe(name)
    return validated_settings(SYSTEMS[recipe.system].settings, recipe.settings)


def optimizers(name: str) -> list[Optimizer]:
    """Return the optimizers of a recipe, those of discriminators first."""
    with torch.device("meta"):  # no memory for up to a hundred million weights
        system = SYSTEMS[load_recipe(name).system].build(settings_of(name))
    return [phase.optimizer for phase in system.phases if phase.optimizer is not None]


ADAM = {
    # rate and weight decay of the discriminator and of the generator, epsilon, first beta, batch
    "conditional-gan-mnist": ((2e-4, 2.5e-5), (2e-4, 2.5e-5), 1e-8, 0.5, 128),
    "context-encoder-official": ((2e-4, 0), (2e-3, 0), 1e-8, 0.5, 64),
    "context-encoder-paper": ((2e-4, 0), (2e-3, 0), 1e-8, 0.5, 64),
    "context-encoder-random": ((2e-4, 0), (2e-3, 0), 1e-8, 0.5, 64),
    "dcgan-faces": ((2e-4, 1e-5), (2e-4, 1e-5), 1e-8, 0.5, 128),
    "dcgan-imagenet": ((2e-4, 1e-5), (2e-4, 1e-5), 1e-8, 0.5, 128),
    "dcgan-paper": ((2e-4, 0), (2e-4, 0), 1e-8, 0.5, 128),
    "dcgan-svhn": ((5e-4, 1e-5), (5e-4, 1e-5), 1e-8, 0.5, 64),
    "dcgan-torch": ((2e-4, 0), (2e-4, 0), 1e-8, 0.5, 64),
    "improved-gan-cifar10-4000": ((3e-4, 0), (3e-4, 0), 1e-8, 0.5, 100),
    "improved-gan-mnist-100": ((3e-3, 0), (3e-3, 0), 1e-8, 0.5, 100),
    "improved-gan-svhn-1000": ((3e-4, 0), (3e-4, 0), 1e-8, 0.5, 100),
    "infogan-faces": ((2e-4, 0), (5e-4, 0), 1e-8, 0.5, 128),
    "infogan-mnist": ((2e-4, 0), (1e-3, 0), 1e-8, 0.5, 128),
    "infogan-mnist-official": ((2e-4, 0), (1e-3, 0), 1e-8, 0.5, 128),
}


@pytest.mark.parametrize("name", ADAM)
def test_adam_has_the_published_settings(name: str) -> None:
    judge, painter, epsilon, beta, batch = ADAM[name]
    for found, (rate, decay) in zip(optimizers(name), (judge, painter), strict=True):
        assert (found.kind, found.learning_rate, found.weight_decay) == ("adam", rate, decay)
        assert (found.epsilon, found.betas) == (epsilon, (beta, 0.999))
        assert found.has_epsilon_under_root == name.startswith("improved-gan")
        assert found.gradient_norm_limit is None
        assert found.learning_rate_factor is not None
        assert found.learning_rate_factor(0) == 1
    assert settings_of(name).batch_size == batch


DESCENT = {
    # first rate, what it is divided by, after so many iterations; momenta: the first epoch's, what
    # an epoch adds, the last; iterations of an epoch; whether gradients are dampened; batch
    "gan-mnist": (0.1, 1.000004, 1, 0.5, 0.2 / 249, 0.7, 500, False, 100),
    "gan-mnist-algorithm1": (0.1, 1.000004, 1, 0.5, 0.2 / 249, 0.7, 500, False, 100),
    "gan-cifar10-dense": (0.025, 1.000004, 1, 0.5, 0.2 / 249, 0.7, 400, False, 100),
    "gan-cifar10-convolutional": (0.004, 1.000004, 1, 0.5, 0.2 / 249, 0.7, 312, False, 128),
    "gan-cifar10-baseline": (0.02, 1.000004, 900, 0.0, 0.0008, 0.7, 900, True, 100),
    "conditional-gan-cifar10": (0.02, 1.000004, 703, 0.0, 0.0008, 0.7, 703, True, 128),
    "lapgan-cifar10": (0.02, 1.00004, 781, 0.5, 0.0008, 0.8, 781, True, 128),
    "lapgan-cifar10-conditional": (0.02, 1.00004, 781, 0.5, 0.0008, 0.8, 781, True, 128),
    "lapgan-cifar10-official": (0.02, 1.000004, 703, 0.5, 0.0008, 0.7, 703, True, 128),
    "lapgan-cifar10-conditional-official": (
        0.02, 1.00004, 703, 0.0, 0.0008, 0.7, 703, True, 128,
    ),
    "lapgan-photographs": (0.01, 1.0, 5000, 0.0, 0.0, 0.0, 5000, True, 128),
}  # fmt: skip


@pytest.mark.parametrize("name", DESCENT)
def test_descent_with_momentum_has_the_published_settings(name: str) -> None:
    rate, divisor, every, first, more, last, epoch, is_dampened, batch = DESCENT[name]
    for found in optimizers(name):
        assert (found.kind, found.learning_rate, found.weight_decay) == ("sgd", rate, 0)
        assert found.is_dampened is is_dampened
        assert found.learning_rate_factor is not None
        assert found.momentum_at is not None
        for iteration in (0, every - 1, every, 1000 * every + 1):
            expected = max(rate * divisor ** -(iteration // every), 1e-6)
            assert rate * found.learning_rate_factor(iteration) == pytest.approx(expected)
        for number in (0, 1, 100, 1000):
            expected = min(first + more * number, last)
            assert found.momentum_at(number * epoch) == pytest.approx(expected)
            assert found.momentum_at(number * epoch + epoch - 1) == pytest.approx(expected)
    assert settings_of(name).batch_size == batch


WEIGHTS: dict[str, dict[str, Any]] = {
    "context-encoder-official": {
        "losses.reconstruction": 0.999, "losses.adversarial": 0.001, "losses.mean_over": "painted",
        "losses.judged": "painted", "stale_discriminator": True, "iterations": 116_400,
    },
    "context-encoder-paper": {
        "losses.reconstruction": 0.999, "losses.adversarial": 0.001, "losses.mean_over": "hole",
        "losses.judged": "painted", "iterations": 100_000,
    },
    "context-encoder-features": {"losses.adversarial": 0.0, "losses.overlap_weight": 10.0},
    "gan-mnist": {
        "schedule": "simultaneous", "discriminator_weight": 0.5, "generator_loss": "non_saturating",
    },
    "gan-mnist-algorithm1": {
        "schedule": "alternating", "discriminator_weight": 1.0, "generator_loss": "minimax",
    },
    "gan-cifar10-baseline": {"shown": "halves", "discriminator_weight": 0.5},
    "conditional-gan-mnist": {"schedule": "odd_even", "iterations": 200 * 390},
    "improved-gan-cifar10-4000": {
        "generator_loss": "absolute_feature_matching", "unlabelled_weight": 0.5,
        "iterations": 1200 * 500, "average_decay": 0.9999,
    },
    "improved-gan-cifar10-minibatch": {
        "generator_loss": "minimax", "generator_steps": 3, "discriminator.input_noise": 0.2,
        "discriminator.input_dropout": 0.0, "discriminator.minibatch_kernels": 100,
        "discriminator.minibatch_width": 5, "discriminator.maps": (96, 192),
    },
    "improved-gan-mnist-100": {
        "generator_loss": "feature_matching", "unlabelled_weight": 0.5, "iterations": 300 * 600,
    },
    "improved-gan-svhn-1000": {"discriminator.maps": (64, 128), "iterations": 900 * 732},
    "improved-gan-svhn-minibatch": {"discriminator.maps": (96, 192), "generator_steps": 3},
    "infogan-chairs": {"categorical_weight": 1.0, "uniform_weight": 10.0},
    "infogan-mnist-official": {
        "scored_as": "normal", "uniform_weight": 1.0, "discriminator.leak": 0.01,
        "discriminator.deviation": 1.0, "iterations": 5000,
    },
    "lapgan-cifar10": {"sizes": (8, 14, 28), "finer_discriminator.dropout": 0.5},
    "lapgan-photographs": {
        "gate.margin": 0.3, "gate.real_limit": 0.7, "finer_generator.planes": (128, 128),
        "finer_discriminator.dropout": 0.0, "images.short_side": 96,
    },
    "mathieu-official": {
        "losses.lp": 1.0, "losses.p": 2, "losses.gradient_difference": 0.0,
        "losses.adversarial": 0.01, "losses.reduction": "mean", "losses.mismatched_pairs": True,
        "batch_size": 8, "generator_optimizer.learning_rate": 0.02,
        "discriminator_optimizer.learning_rate": 0.02, "clips.context_frames": 4,
    },
    "mathieu-paper": {
        "losses.lp": 1.0, "losses.gradient_difference": 1.0, "losses.adversarial": 0.05,
        "losses.gradient_difference_alpha": 1.0, "losses.reduction": "sum_per_example",
        "losses.mismatched_pairs": False, "discriminator_optimizer.learning_rate": 0.02,
        "clips.selection": "threshold", "clips.retries": 25, "shared_batches": False,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_and_schedules_are_the_published_ones(name: str) -> None:
    for path, expected in WEIGHTS[name].items():
        found = settings_of(name)
        for part in path.split("."):
            found = found.config() if hasattr(found, "network") else found
            found = getattr(found, part)
        assert found == expected, path


def test_every_system_with_recipes_is_compared_here() -> None:
    looked_at = {*ADAM, *DESCENT, *WEIGHTS}
    assert looked_at <= set(recipe_names())
    systems = {load_recipe(name).system for name in recipe_names()}
    assert systems == {load_recipe(name).system for name in looked_at}
