"""How busy training a recipe keeps a device: what of the time is not computation, share of peak."""

import contextlib
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from pipelines.benchmark.rows import Row
from predictor.recipes import load_recipe
from predictor.systems import SYSTEMS
from predictor.systems.phases import Batch
from predictor.systems.settings import RunSettings
from predictor.training.distributed import Ranks
from predictor.training.hardware import Hardware, hardware_for, in_use
from predictor.training.iteration import phases_due, run_iteration
from predictor.training.replay import CudaRecording, iteration_runner, until_replayed
from predictor.training.run import Run
from predictor.training.settings import merged, validated_settings
from predictor.training.starting_state import built_state
from predictor.training.state import TrainingState
from predictor.training.stream import BatchStream
from predictor.wording import counted

CLASSIFIERS = {"improved-gan-cifar10-4000": 50_000, "improved-gan-svhn-1000": 73_257}
"""Recipes, and how many training pictures their data sets have."""


def recipe_training_rows(
    recipe: str,
    pictures: int,
    *,
    device: str = "auto",
    threads: int | None = None,
    rounds: int = 3,
    iterations: int | None = None,
    changes: Mapping[str, Any] | None = None,
) -> list[Row]:
    """Return the pace of training `recipe`, and how much of its time is not computation.

    It trains on so many `pictures` of noise. An iteration is timed as the training loop runs it,
    and its computation alone: on a GPU a recording that is replayed on one batch, else iterations
    on one batch. They take turns; each number is the median of `rounds` means over `iterations`, by
    default 60 on a GPU and 2 on a CPU. Operations are those of matrix products and convolutions.
    """
    chosen = load_recipe(recipe)
    entry = SYSTEMS[chosen.system]
    asked = {"device": device, "threads": threads, **(changes or {})}
    settings: RunSettings = validated_settings(entry.settings, merged(chosen.settings, asked))
    hardware = hardware_for(settings)
    with tempfile.TemporaryDirectory() as cache, in_use(hardware):
        path = _generated(Path(cache) / "pictures.npz", pictures, settings)
        opened = entry.open_data(settings, path, Path(cache))
        state = built_state(Run(path, chosen.system, entry, settings, path), hardware)
        with contextlib.closing(
            BatchStream(opened.train, settings, hardware, Ranks(), 0, state.system.share_multiple)
        ) as stream:
            run_next = iteration_runner(state, stream.draw, settings.seed, hardware)
            with FlopCounterMode(display=False) as operations:
                batches = _run_once(state, stream, settings.seed, hardware)
            for _ in range(until_replayed(state.system) if hardware.replay else 0):
                run_next()
            count = iterations or (60 if hardware.is_cuda else 2)
            compute = _computation(state, batches, settings.seed, hardware)
            times = [
                (_mean(run_next, count, hardware), _mean(compute, count, hardware))
                for _ in range(rounds + 1)  # the first is for warming up
            ]
    whole, alone = (median(column) for column in zip(*times[1:], strict=True))
    rate = operations.get_total_flops() / whole
    epoch = len(opened.train) / settings.batch_size * whole
    where = f"{hardware.device.type}, {hardware.precision}, {counted(hardware.threads, 'thread')}"
    peak = _peak(hardware)
    return [
        Row(f"{recipe}: images", settings.batch_size / whole, "images/s", note=where),
        Row(f"{recipe}: an epoch of {len(opened.train):,}", epoch, "s", note="validation left out"),
        Row(f"{recipe}: an iteration", 1000 * whole, "ms"),
        Row(
            f"{recipe}: of that loading and launching",
            100 * max(0.0, 1 - alone / whole),
            "%",
            at_most=10,
        ),
        Row(f"{recipe}: operations", rate / 1e12, "TFLOP/s"),
        Row(
            f"{recipe}: of the peak",
            100 * rate / peak,
            "%",
            note=f"{peak / 1e12:.3g} TFLOP/s, measured",
        ),
    ]


def _generated(path: Path, pictures: int, settings: Any) -> Path:
    """Write noise of as many classes as the recipe tells, in the form that recipes take."""
    random = np.random.default_rng(0)
    shape = (*settings.images.size, settings.images.channels)
    arrays: dict[str, Any] = {}
    for part, count in (("train", pictures), ("test", 100)):
        arrays[f"x_{part}"] = random.integers(0, 256, (count, *shape), np.uint8)
        arrays[f"y_{part}"] = np.arange(count) % settings.classes
    np.savez(path, allow_pickle=False, **arrays)
    return path


def _run_once(
    state: TrainingState, stream: BatchStream, seed: int, hardware: Hardware
) -> list[Batch]:
    """Run an iteration plainly and return the batches that it took."""
    taken: list[Batch] = []

    def draw() -> Batch:
        taken.append(stream.draw())
        return taken[-1]

    run_iteration(state, draw, seed, hardware)
    return taken


def _computation(
    state: TrainingState, batches: list[Batch], seed: int, hardware: Hardware
) -> Callable[[], object]:
    """Return an iteration without anything that has to be loaded or, on a GPU, launched."""
    if hardware.replay:
        recording = CudaRecording(state, hardware, batches, phases_due(state) or ())
        return lambda: recording.replay(0)

    def run() -> None:
        source = iter(batches)
        run_iteration(state, lambda: next(source), seed, hardware)

    return run


def _mean(run: Callable[[], object], iterations: int, hardware: Hardware) -> float:
    _wait(hardware)
    start = perf_counter()
    for _ in range(iterations):
        run()
    _wait(hardware)
    return (perf_counter() - start) / iterations


def _peak(hardware: Hardware) -> float:
    """Return the operations a second of a large matrix product in the precision of training."""
    side = 8192 if hardware.is_cuda else 1024
    kind = torch.bfloat16 if hardware.precision == "bf16" else torch.float32
    left, right = (torch.randn(side, side, device=hardware.device, dtype=kind) for _ in range(2))
    _mean(lambda: left @ right, 3, hardware)
    return 2 * side**3 / median(_mean(lambda: left @ right, 5, hardware) for _ in range(5))


def _wait(hardware: Hardware) -> None:
    if hardware.is_cuda:
        torch.cuda.synchronize()
