"""Two processes with half a batch each do what one does with all of it, whatever the system."""

import json
import os
import socket
from collections.abc import Mapping
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_systems import COMMON, TINY
from torch import nn

from predictor.networks.noise import GaussianNoise
from predictor.systems import SYSTEMS
from predictor.training.distributed import Ranks, joined_ranks
from predictor.training.hardware import hardware_for
from predictor.training.iteration import run_iteration
from predictor.training.run import Run
from predictor.training.settings import merged, validated_settings
from predictor.training.starting_state import built_state
from predictor.training.stream import BatchStream

RANK_BY_RANK = (nn.BatchNorm1d, nn.BatchNorm2d, nn.Dropout, nn.Dropout2d, GaussianNoise)
"""Layers whose statistics, or draws, are those of each rank; here they stand still."""

WEIGHED = {"losses": {"gradient_difference": 0.1, "adversarial": 0.1, "feature_matching": 0.1}}
"""All that is weighed by the masks of inpainting."""

ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    **{f"{name}-{n}": (name, row) for name in TINY for n, row in enumerate(TINY[name][1])},
    "frames-mismatched": (
        "frames",
        merged(TINY["frames"][1][0], {"losses": {"adversarial": 0.1, "mismatched_pairs": True}}),
    ),
    "inpaint-weighed": ("inpaint", merged(TINY["inpaint"][1][0], WEIGHED)),
    "inpaint-shared": ("inpaint", merged(TINY["inpaint"][1][0], {"shared_masks": True})),
}

Measured = Mapping[str, Mapping[str, float]]


def measured(folder: Path, ranks: Ranks) -> dict[str, dict[str, float]]:
    """Return what the first iteration of every row measures."""
    found = {}
    for row, (name, changes) in ROWS.items():
        values = merged(merged(COMMON, changes), {"precision": "fp32", "batch_size": 4})
        settings = validated_settings(SYSTEMS[name].settings, values)
        hardware = hardware_for(settings)
        data = folder / name
        run = Run(folder, name, SYSTEMS[name], settings, data)
        examples = SYSTEMS[name].open_data(settings, data).train
        state = built_state(run, hardware, examples=examples)
        for network in state.system.networks.values():
            for module in network.modules():
                if isinstance(module, RANK_BY_RANK):
                    module.eval()
        stream = BatchStream(examples, settings, hardware, ranks)
        numbers = run_iteration(state, stream.draw, settings.seed, hardware, ranks)
        found[row] = {key: float(value) for key, value in numbers.items()}
    return found


def on_rank(rank: int, port: int, folder: Path) -> None:
    os.environ.update(
        RANK=str(rank), WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port)
    )
    torch.set_num_threads(1)  # as torchrun has it: more would wait for each other's cores
    with joined_ranks(torch.device("cpu")) as ranks:
        (folder / f"rank-{rank}.json").write_text(json.dumps(measured(folder, ranks)))


@pytest.fixture(scope="module")
def both(
    tmp_path_factory: pytest.TempPathFactory, processes: ForkServerContext
) -> tuple[Measured, Measured]:
    """What one process measures, and what the first of two does."""
    folder = tmp_path_factory.mktemp("ranks")
    for name, (make, _) in TINY.items():
        (folder / name).mkdir()
        make(folder / name)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = [
        processes.Process(target=on_rank, args=(rank, port, folder), daemon=True) for rank in (0, 1)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join(300)
        assert child.exitcode == 0
    return measured(folder, Ranks()), json.loads((folder / "rank-0.json").read_text())


@pytest.mark.parametrize("row", ROWS)
def test_half_a_batch_each_is_the_whole(both: tuple[Measured, Measured], row: str) -> None:
    one, two = both[0][row], both[1][row]
    assert one.keys() == two.keys()
    for name, value in one.items():
        # a phase after another's step starts from weights that Adam has rounded differently
        assert two[name] == pytest.approx(value, rel=1e-3, abs=1e-6), name
