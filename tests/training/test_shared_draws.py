"""Several ranks draw what one would: gradients of real systems do not depend on their number."""

from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from test_processes import free_port, join, run_together
from torch import nn

from predictor.draws import drawn_rows, shared_draws
from predictor.latents import Distribution, drawn_latents
from predictor.systems import SYSTEMS
from predictor.training.distributed import joined_ranks
from predictor.training.hardware import hardware_for
from predictor.training.iteration import run_iteration
from predictor.training.run import Run
from predictor.training.settings import validated_settings
from predictor.training.starting_state import built_state
from predictor.training.stream import BatchStream

DESCENT = {"kind": "sgd", "learning_rate": 0.1, "final_learning_rate": 0.1, "momentum": 0.5}
COMMON: dict[str, Any] = {
    "batch_size": 8,
    "device": "cpu",
    "precision": "fp32",
    "workers": 0,
    "threads": 1,
    "images": {"size": [8, 8], "channels": 1},
    "generator_optimizer": DESCENT,
    "discriminator_optimizer": DESCENT,
}
SETTINGS: dict[str, dict[str, Any]] = {
    "gan": {
        "generator": {"network": "dense-generator", "latent": 4, "hidden": [8, 6]},
        "discriminator": {
            "network": "dense-discriminator",
            "hidden": [6, 4],
            "input_dropout": 0.0,
            "dropout": 0.0,
            "scale": 0.5,
        },
    },
    "dcgan": {
        "generator": {"network": "dcgan", "latent": 4, "maps": [6, 4]},
        "discriminator": {"network": "dcgan-discriminator", "maps": [4, 6]},
    },
}


def without_normalization(network: nn.Module) -> None:
    """Take batch normalization out, whose statistics are those of each rank."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d):
                setattr(module, name, nn.Identity())


def first_gradients(
    rank: int, size: int, port: int, data: Path, output: Path, name: str, schedule: str
) -> None:
    """Run one iteration in float64 and leave the state, with the gradients as momentum."""
    if size > 1:
        join(rank, size, port)
    torch.set_default_dtype(torch.float64)
    try:
        entry = SYSTEMS[name]
        values = {**COMMON, **SETTINGS[name], "schedule": schedule}
        settings = validated_settings(entry.settings, values)
        hardware = hardware_for(settings)
        with joined_ranks(hardware.device) as ranks:
            run = Run(output, name, entry, settings, data)
            state = built_state(run, hardware)
            for network in state.system.networks.values():
                without_normalization(network)
            examples = entry.open_data(settings, data).train
            stream = BatchStream(examples, settings, hardware, ranks)

            def draw() -> dict[str, torch.Tensor]:
                return {key: value.double() for key, value in stream.draw().items()}

            run_iteration(state, draw, settings.seed, hardware, ranks)
            slots = {key: value for key, value in state.tensors().items() if "momentum" in key}
            save_file(slots, output / f"{rank}-of-{size}")
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("schedule", ["alternating", "simultaneous"])
@pytest.mark.parametrize("name", ["gan", "dcgan"])
def test_two_halves_of_a_batch_give_the_gradients_of_the_whole(
    name: str, schedule: str, tmp_path: Path, processes: ForkServerContext
) -> None:
    data = tmp_path / "pictures.npz"
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8)
    np.savez(data, x_train=images)
    first_gradients(0, 1, 0, data, tmp_path, name, schedule)
    port = free_port()
    run_together(
        processes,
        first_gradients,
        *((rank, 2, port, data, tmp_path, name, schedule) for rank in range(2)),
    )
    one, two = (load_file(tmp_path / f"0-of-{size}") for size in (1, 2))
    networks = {key.split("/")[1] for key in one}
    assert networks == {"generator", "discriminator"}
    for key, gradient in one.items():
        torch.testing.assert_close(two[key], gradient, rtol=0, atol=1e-12)
    for network in networks:
        largest = max(one[key].abs().max() for key in one if f"/{network}/" in key)
        assert largest > 1e-8  # far above the tolerance


@pytest.mark.parametrize("distribution", ["uniform", "unit_uniform", "normal"])
def test_ranks_take_rows_of_one_draw(distribution: Distribution) -> None:
    def drawn(rank: int, ranks: int) -> torch.Tensor:
        with shared_draws(3, rank, ranks):
            parts = [drawn_latents(distribution, (8 // ranks, 5)) for _ in range(2)]
        return torch.stack(parts)

    whole = drawn(0, 1)
    assert not torch.equal(whole[0], whole[1])
    assert torch.equal(torch.cat([drawn(0, 2), drawn(1, 2)], dim=1), whole)


def test_a_generator_that_is_given_comes_first() -> None:
    def draw(rows: int, source: torch.Generator | None) -> torch.Tensor:
        return torch.rand(rows, generator=source)

    alone = draw(4, torch.Generator().manual_seed(5))
    with shared_draws(3, rank=1, ranks=2):
        assert torch.equal(drawn_rows(4, "cpu", draw, torch.Generator().manual_seed(5)), alone)
    torch.manual_seed(7)
    outside = drawn_rows(4, "cpu", draw)
    assert torch.equal(outside, draw(4, torch.Generator().manual_seed(7)))
