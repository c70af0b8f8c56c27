"""What holds for every row of `SYSTEMS`, whatever it trains; `tiny_systems` has its settings."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_systems import COMMON, TINY
from torch import Tensor

from predictor.image_sampler import ImageSampler
from predictor.systems import SYSTEMS
from predictor.systems.settings import RunSettings
from predictor.training.checkpoint import BEST, read_checkpoint
from predictor.training.distributed import Ranks
from predictor.training.hardware import hardware_for
from predictor.training.iteration import run_iteration
from predictor.training.loop import resume, train
from predictor.training.run import Run
from predictor.training.settings import merged, validated_settings
from predictor.training.starting_state import built_state
from predictor.training.state import TrainingState
from predictor.training.stream import BatchStream, on_device

ROWS = [(name, number) for name in SYSTEMS if name in TINY for number in range(len(TINY[name][1]))]


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


def test_every_system_has_tiny_settings() -> None:
    assert set(TINY) == set(SYSTEMS)  # those of `tiny_systems`


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
        if phase.network is not None and phase.network.startswith("discriminator"):
            by_which_the_loop_warns = {f"loss/{phase.name}/{term}" for term in ("real", "fake")}
            assert by_which_the_loop_warns <= measured.keys()


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
    assert state.system.best_by is not None
    assert state.system.best_by[0] in results[0]
    assert all(np.isfinite(value) for value in results[0].values())


OTHERS = ("classifier", "frames", "inpaint")
"""Systems whose release does not make pictures of latents."""


@pytest.mark.parametrize(("name", "number"), [row for row in ROWS if row[0] not in OTHERS])
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
    assert samples.shape == (7, *settings.images.shape)
    assert -1 <= samples.min() < samples.max() <= 1
    assert torch.allclose(sampler.sampled(1, seed=1, first=5), samples[5:6], atol=1e-5)
