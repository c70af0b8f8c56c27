"""What holds for every row of `SYSTEMS`, whatever it trains.

A row comes with its tiny settings here, and with data that can be made in a moment.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from predictor.image_sampler import ImageSampler
from predictor.systems import SYSTEMS
from predictor.systems.settings import RunSettings
from predictor.training.checkpoint import BEST, read_checkpoint
from predictor.training.distributed import Ranks
from predictor.training.hardware import hardware_for
from predictor.training.iteration import run_iteration
from predictor.training.loop import built_state, resume, train
from predictor.training.run import Run
from predictor.training.settings import merged, validated_settings
from predictor.training.state import TrainingState
from predictor.training.stream import BatchStream, on_device


def videos(folder: Path) -> None:
    """Make three videos of a texture that drifts, each its own way."""
    random = np.random.default_rng(0)
    for number in range(3):
        texture = cv2.resize(random.integers(0, 256, (16, 16, 3), np.uint8), (128, 128))
        clip = folder / f"clip-{number}"
        clip.mkdir(parents=True)
        for t in range(20):
            frame = np.roll(texture, (t * (number + 1), 2 * t), (0, 1))[:64, :64]
            cv2.imwrite(str(clip / f"{t:06d}.png"), frame)


def photographs(folder: Path) -> None:
    """Make six smooth pictures, each its own."""
    random = np.random.default_rng(0)
    for number in range(6):
        picture = cv2.resize(random.integers(0, 256, (6, 8, 3), np.uint8), (80, 64))
        cv2.imwrite(str(folder / f"{number}.jpg"), picture)


def labelled_images(folder: Path) -> None:
    """Make twelve pictures of three classes, each of a brightness of its own."""
    random = np.random.default_rng(0)
    for number in range(12):
        path = folder / "abc"[number % 3] / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        noise = random.integers(0, 64, (8, 8), np.uint8)
        cv2.imwrite(str(path), noise + 64 * (number % 3))


COMMON: dict[str, Any] = {
    "iterations": 4,
    "batch_size": 2,
    "checkpoint_every": 2,
    "report_every": 2,
    "preview_every": 4,
    "validate_every": 2,
    "device": "cpu",
    "workers": 0,
    "threads": 1,
}

SMALL_IMAGES: dict[str, Any] = {
    "images": {"size": [8, 8], "channels": 1},
    "validation_samples": 8,
    "precision": "fp32",
}

HELD_OUT: dict[str, Any] = {"validation_share": 0.25}

TINY: dict[str, tuple[Callable[[Path], None], list[dict[str, Any]]]] = {
    "dcgan": (
        labelled_images,
        [
            {
                "generator": {"network": "dcgan", "latent": 4, "maps": [6, 4]},
                "discriminator": {"network": "dcgan-discriminator", "maps": [4, 6]},
                "images": {"size": [8, 8], "crop": "random", "flip_horizontal": 0.5} | HELD_OUT,
                "average_decay": 0.9,
                "precision": "bf16",
            },
            {
                "generator": {
                    "network": "dcgan",
                    "latent": 4,
                    "maps": [6, 4],
                    "kernel": 3,
                    "strides": [2, 1],
                    "is_normalized_per_unit": True,
                },
                "discriminator": {
                    "network": "dcgan-discriminator",
                    "maps": [4, 6],
                    "kernel": 3,
                    "strides": [1, 2],
                },
                "images": {"size": [8, 8], "channels": 1} | HELD_OUT,
                "schedule": "odd_even",
                "precision": "fp32",
            },
            {
                "generator": {"network": "dcgan", "latent": 4, "maps": [4], "kernel": 4},
                "discriminator": {"network": "dcgan-discriminator", "maps": [4], "kernel": 4},
                "images": {"size": [8, 8]} | HELD_OUT,
                "schedule": "simultaneous",
                "precision": "fp32",
            },
        ],
    ),
    "gan": (
        labelled_images,
        [
            {
                **SMALL_IMAGES,
                "generator": {"network": "dense-generator", "latent": 4, "hidden": [8, 6]},
                "discriminator": {"network": "dense-discriminator", "hidden": [6, 4]},
                "schedule": "simultaneous",
                "generator_optimizer": {"final_momentum": 0.7, "momentum_epochs": [0, 3]},
            },
            {
                **SMALL_IMAGES,
                "generator": {
                    "network": "dense-generator",
                    "latent": 4,
                    "hidden": [8],
                    "activations": ["sigmoid"],
                    "maps": 2,
                    "kernel": 5,
                    "stride": 3,
                    "units": "standardized",
                },
                "discriminator": {
                    "network": "dense-discriminator",
                    "convolutions": [{"channels": 3, "kernel": 3, "padding": 1, "pool": 3}],
                    "hidden": [4],
                    "units": "standardized",
                },
                "generator_loss": "minimax",
                "discriminator_steps": 2,
                "average_decay": 0.5,
                "precision": "bf16",
            },
        ],
    ),
    "lapgan": (
        labelled_images,
        [
            {
                **SMALL_IMAGES,
                "sizes": [4, 8],
                "classes": 3,
                "coarsest_generator": {"hidden": [6, 5]},
                "coarsest_discriminator": {"hidden": [5, 4]},
                "finer_generator": {"planes": [3, 3]},
                "finer_discriminator": {"planes": 8, "kernel": 3},
                "nearest_images": 1,
                "nearest_samples": 2,
            },
            {
                **SMALL_IMAGES,
                "sizes": [4, 8],
                "level": 8,
                "units": "signed",
                "blurred": True,
                "finer_generator": {"planes": [6], "kernels": [3, 3]},
                "finer_discriminator": {"planes": 8, "kernel": 3},
                "nearest_images": 1,
                "nearest_samples": 2,
                "precision": "bf16",
            },
        ],
    ),
    "conditional-gan": (
        labelled_images,
        [
            {
                **SMALL_IMAGES,
                "classes": 3,
                "generator": {
                    "network": "labelled-generator",
                    "latent": 4,
                    "dense": 6,
                    "maps": [4, 3],
                },
                "discriminator": {
                    "network": "labelled-discriminator",
                    "latent": 4,
                    "dense": 6,
                    "maps": [4, 3],
                },
                "batch_size": 4,
            },
            {
                **SMALL_IMAGES,
                "classes": 3,
                "generator": {"network": "dense-generator", "latent": 4, "hidden": [8, 6]},
                "discriminator": {
                    "network": "dense-discriminator",
                    "hidden": [6, 4],
                    "pieces": 1,
                    "input_dropout": 0.0,
                },
                "shown": "halves",
            },
        ],
    ),
    "frames": (
        videos,
        [
            {
                "generator": {
                    "network": "motion",
                    "widths": [4, 4],
                    "blocks": [1, 1],
                    "refined_width": 4,
                    "refined_blocks": 1,
                },
                "discriminators": {"network": "patch-discriminators", "maps": [4, 4]},
                "clips": {"crop": [32, 32]},
                "precision": "bf16",
            },
            {
                "generator": {
                    "network": "multiscale",
                    "maps": [[4, 4], [4, 4]],
                    "kernels": [[3, 3, 3], [3, 3, 3]],
                },
                "discriminators": {
                    "network": "multiscale-discriminators",
                    "maps": [[4], [4]],
                    "kernels": [[3], [3]],
                    "pooling": [1, 2],
                    "hidden": [[8], [8]],
                },
                "generator_optimizer": {"kind": "sgd"},
                "clips": {"crop": [32, 32]},
                "shared_batches": False,
                "precision": "fp32",
            },
        ],
    ),
    "inpaint": (
        photographs,
        [
            {
                "generator": {
                    "network": "inpainting",
                    "widths": [4, 4],
                    "blocks": [1, 1],
                    "fine_width": 4,
                    "hole_px": 16,
                    "context_px": 8,
                },
                "discriminator": {"network": "inpainting-discriminator", "maps": [4, 4]},
                "losses": {"adversarial": 0.1, "feature_matching": 0.1},
                "photos": {"crop": [32, 32]},
                "precision": "bf16",
            },
            {
                "generator": {
                    "network": "context-encoder",
                    "encoder_maps": [4, 4, 4],
                    "bottleneck": 8,
                    "decoder_maps": [4, 4],
                    "hole_px": 12,
                },
                "discriminator": {"network": "context-discriminator", "maps": [4, 4]},
                "losses": {"overlap_px": 2, "mean_over": "painted", "judged": "painted"},
                "photos": {"crop": [32, 32]},
                "masks": {"kinds": {"centre": 1}, "centre_share": 0.375},
                "validation_masks": ["centre"],
                "average_decay": 0.0,
                "stale_discriminator": True,
                "precision": "fp32",
            },
        ],
    ),
}

ROWS = [(name, number) for name in SYSTEMS for number in range(len(TINY[name][1]))]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    made: dict[str, Path] = {}

    def folder_of(name: str) -> Path:
        if name not in made:
            made[name] = tmp_path_factory.mktemp(name)
            TINY[name][0](made[name])
        return made[name]

    return folder_of


def tiny_settings(name: str, number: int, **changes: Any) -> RunSettings:
    values = merged(merged(COMMON, TINY[name][1][number]), changes)
    return validated_settings(SYSTEMS[name].settings, values)


def fresh(name: str, number: int, folder: Path) -> tuple[TrainingState, BatchStream, RunSettings]:
    settings = tiny_settings(name, number)
    hardware = hardware_for(settings)
    entry = SYSTEMS[name]
    state = built_state(Run(folder, name, entry, settings, folder), hardware)
    dataset = entry.open_data(settings, folder).train
    return state, BatchStream(dataset, settings, hardware, Ranks()), settings


def parameters(state: TrainingState) -> dict[str, Tensor]:
    return {
        f"{name}/{key}": value.detach().clone()
        for name, network in state.system.networks.items()
        for key, value in network.named_parameters()
    }


@pytest.mark.parametrize(("name", "number"), ROWS)
def test_weights_depend_on_the_seed_alone(name: str, number: int, tmp_path: Path) -> None:
    entry = SYSTEMS[name]
    states = []
    for past, seed in ((1, 0), (2, 0), (1, 1)):
        torch.manual_seed(past)
        settings = tiny_settings(name, number, seed=seed)
        run = Run(tmp_path, name, entry, settings, tmp_path)
        states.append(parameters(built_state(run, hardware_for(settings))))
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert not all(torch.equal(states[0][key], states[2][key]) for key in states[0])


@pytest.mark.parametrize(("name", "number"), ROWS)
def test_a_phase_changes_only_its_network(
    name: str, number: int, data: Callable[[str], Path]
) -> None:
    state, stream, settings = fresh(name, number, data(name))
    system, hardware = state.system, hardware_for(settings)
    for phase in system.phases:
        state.system = replace(system, phases=(replace(phase, draws_from=None, when=None),))
        before = parameters(state)
        measured = run_iteration(state, stream.draw, settings.seed, hardware, is_detailed=True)
        changed = {
            key for key, old in before.items() if not torch.equal(old, parameters(state)[key])
        }
        assert changed
        assert {key.split("/")[0] for key in changed} == {phase.network}
        assert all(np.isfinite(float(value)) for value in measured.values())


@pytest.mark.parametrize(("name", "number"), ROWS)
def test_resumed_run_equals_unbroken(
    name: str, number: int, data: Callable[[str], Path], tmp_path: Path
) -> None:
    entry, settings = SYSTEMS[name], tiny_settings(name, number)
    unbroken = train(tmp_path / "unbroken", name, entry, settings, data(name))
    train(tmp_path / "broken", name, entry, settings, data(name), until=3)
    resumed = resume(tmp_path / "broken", SYSTEMS)
    one, other = read_checkpoint(unbroken), read_checkpoint(resumed)
    for key, tensor in one.tensors.items():
        assert torch.equal(tensor, other.tensors[key]), key
    assert one.record["best"] == other.record["best"]
    assert one.record["drawn"] == other.record["drawn"]
    assert (unbroken.parent / BEST).exists()
    assert any((tmp_path / "unbroken/previews/iteration-000004").iterdir())


@pytest.mark.parametrize(("name", "number"), ROWS)
def test_validation_measures_what_chooses_the_best(
    name: str, number: int, data: Callable[[str], Path]
) -> None:
    settings = tiny_settings(name, number)
    hardware = hardware_for(settings)
    entry, folder = SYSTEMS[name], data(name)
    state = built_state(Run(folder, name, entry, settings, folder), hardware)
    validation = entry.open_data(settings, folder).validation
    results = []
    for seed in range(2):
        torch.manual_seed(seed)
        batches = (on_device(batch, hardware.device) for batch in validation)
        with torch.no_grad():
            results.append(state.system.validate(state.for_evaluation(), batches))
    assert results[0] == results[1]
    assert state.system.best_by[0] in results[0]
    assert all(np.isfinite(value) for value in results[0].values())


GENERATING = ("gan", "conditional-gan", "lapgan")
"""Systems whose release makes pictures of latents."""


@pytest.mark.parametrize(("name", "number"), [row for row in ROWS if row[0] in GENERATING])
def test_samples_are_in_range_and_do_not_depend_on_the_batch(
    name: str, number: int, tmp_path: Path
) -> None:
    settings = tiny_settings(name, number, level=None) if name == "lapgan" else None
    settings = settings or tiny_settings(name, number)
    run = Run(tmp_path, name, SYSTEMS[name], settings, tmp_path)
    system = built_state(run, hardware_for(settings)).system
    together = system.assemble(system.networks)["generator"] if system.assemble else None
    sampler = ImageSampler(together or system.networks[system.release])
    samples = sampler.sampled(7, seed=1)
    assert samples.shape == (7, 1, 8, 8)
    assert -1 <= samples.min() < samples.max() <= 1
    assert torch.allclose(sampler.sampled(1, seed=1, first=5), samples[5:6], atol=1e-5)
