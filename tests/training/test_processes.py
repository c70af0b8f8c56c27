"""Runs in processes of their own: killed, interrupted from a terminal, or several at once."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from test_loop import assert_same_state
from toy import ENTRY, SYSTEMS, settings, signalled

from predictor.errors import Interrupted, WorkerLost
from predictor.systems.phases import Batch, Networks, PhaseLoss, System
from predictor.training.checkpoint import checkpoints_newest_first, read_checkpoint
from predictor.training.distributed import joined_ranks
from predictor.training.hardware import hardware_for
from predictor.training.iteration import run_iteration
from predictor.training.loop import resume, train
from predictor.training.run import Run
from predictor.training.starting_state import built_state
from predictor.training.stream import BatchStream

FLOAT64 = {"is_float64": True, "has_noise": False, "batch_size": 8}


def train_or_resume(folder: Path, values: dict[str, Any]) -> None:
    if (folder / "run.json").exists():
        resume(folder, SYSTEMS)
    else:
        train(folder, "toy", ENTRY, settings(**values), folder.parent)


def test_kill_at_any_moment_costs_no_checkpoint(
    tmp_path: Path, processes: ForkServerContext
) -> None:
    values = {"iterations": 40, "checkpoint_every": 1, "sleep_s": 0.001, "validate_every": 7}
    unbroken = train(tmp_path / "unbroken", "toy", ENTRY, settings(**values), tmp_path)
    folder, moments, reached = tmp_path / "run", random.Random(0), [0]
    while not (folder / "checkpoints" / unbroken.name).exists():
        process = processes.Process(target=train_or_resume, args=(folder, values))
        process.start()
        wanted = reached[-1] + moments.randint(3, 15)
        while process.is_alive() and newest_iteration(folder) < wanted:
            time.sleep(0.001 * moments.random())
        process.kill()
        process.join()
        paths = checkpoints_newest_first(folder / "checkpoints")
        for path in paths:
            read_checkpoint(path)
        reached.append(newest_iteration(folder))
        assert reached[-1] >= reached[-2]
    assert len(reached) > 3
    assert_same_state(unbroken, resume(folder, SYSTEMS))


def newest_iteration(folder: Path) -> int:
    names = [path.stem for path in checkpoints_newest_first(folder / "checkpoints")]
    return int(names[0].removeprefix("iteration-")) if names else 0


def test_ctrl_c_in_a_terminal_reaches_the_loading_processes_too(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    program = Path(__file__).with_name("toy.py")
    overrides = ["workers=1", "sleep_s=0.01", "iterations=100000", "report_every=1"]
    root = str(Path(__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, "-W", "error", str(program), str(folder), *overrides],
        start_new_session=True,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
    ) as process:
        log = folder / "log.jsonl"
        while process.poll() is None and not (log.exists() and log.read_text().count("\n") > 3):
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=300)
    assert process.returncode == 130, said
    said = "".join(  # a busy machine may be slow to load
        line for line in said.splitlines(keepends=True) if "waiting for data" not in line
    )
    assert said.count("\n") == 1, said
    assert f"predictor resume {folder}" in said
    newest = checkpoints_newest_first(folder / "checkpoints")[0]
    assert f"after iteration {read_checkpoint(newest).record['iteration']}," in said


def join(rank: int, size: int, port: int) -> None:
    os.environ.update(
        RANK=str(rank), WORLD_SIZE=str(size), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port)
    )


def train_on_rank(rank: int, size: int, port: int, folder: Path, values: dict[str, Any]) -> None:
    """Run three iterations, leave the first one's gradients and this rank's last state."""
    if size > 1:
        join(rank, size, port)
    chosen = settings(**values)
    hardware = hardware_for(chosen)
    with joined_ranks(hardware.device) as ranks:
        data = ENTRY.open_data(chosen, folder)
        state = built_state(Run(folder, "toy", ENTRY, chosen, folder), hardware)
        stream = BatchStream(data.train, chosen, hardware, ranks)
        for number in range(3):
            run_iteration(state, stream.draw, chosen.seed, hardware, ranks, is_detailed=True)
            if number == 0:
                save_file(state.tensors(), folder / f"first-{rank}-of-{size}")
        save_file(state.tensors(), folder / f"last-{rank}-of-{size}")


def stop_on_rank(rank: int, port: int, folder: Path) -> None:
    """Train as the command does; rank 1 alone is told to stop."""
    join(rank, 2, port)
    entry = signalled(signal.SIGTERM, call=5) if rank == 1 else ENTRY
    try:
        train(folder, "toy", entry, settings(**FLOAT64), folder.parent)
    except Interrupted as error:
        (folder / f"rank-{rank}").write_text(str(error))


def die_on_rank(rank: int, port: int, folder: Path) -> None:
    """Train as the command does; rank 1 is gone in its fifth iteration."""
    join(rank, 2, port)
    entry = ENTRY

    def built(chosen: Any) -> System:
        system = ENTRY.build(chosen)
        discriminator, generator = system.phases
        calls: list[int] = []

        def loss(networks: Networks, batch: Batch, earlier: Batch) -> PhaseLoss:
            calls.append(rank)
            if len(calls) == 5:
                os._exit(0)
            return generator.loss(networks, batch, earlier)

        return replace(system, phases=(discriminator, replace(generator, loss=loss)))

    if rank == 1:
        entry = replace(ENTRY, build=built)
    try:
        train(folder, "toy", entry, settings(**FLOAT64), folder.parent)
    except WorkerLost as error:
        (folder / "lost").write_text(str(error))


def run_together(processes: ForkServerContext, target: Any, *arguments: tuple[Any, ...]) -> None:
    children = [processes.Process(target=target, args=given) for given in arguments]
    for child in children:
        child.start()
    for child in children:
        child.join(300)  # a machine that is busy takes its time
    codes = [child.exitcode for child in children]
    for child in children:
        child.kill()
    assert codes == [0] * len(children)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("update", ["in_turn", "together"])
def test_two_ranks_take_the_gradients_of_one(
    tmp_path: Path, processes: ForkServerContext, update: str
) -> None:
    values = {**FLOAT64, "optimizer": "sgd", "update": update}
    train_on_rank(0, 1, 0, tmp_path, values)
    port = free_port()
    run_together(
        processes, train_on_rank, *((rank, 2, port, tmp_path, values) for rank in range(2))
    )
    one, two = load_file(tmp_path / "first-0-of-1"), load_file(tmp_path / "first-0-of-2")
    # In the first step the momentum buffer is the gradient.
    gradients = [name for name in one if "momentum_buffer" in name]
    assert len(gradients) == 8
    for name in gradients:
        torch.testing.assert_close(two[name], one[name], rtol=0, atol=1e-12)
        assert one[name].abs().max() > 1e-4
    last = [load_file(tmp_path / f"last-{rank}-of-2") for rank in range(2)]
    for name, tensor in last[0].items():
        assert torch.equal(tensor, last[1][name]), name


def test_a_signal_to_one_rank_stops_all_at_one_iteration(
    tmp_path: Path, processes: ForkServerContext
) -> None:
    folder, port = tmp_path / "run", free_port()
    run_together(processes, stop_on_rank, *((rank, port, folder) for rank in range(2)))
    said = [(folder / f"rank-{rank}").read_text() for rank in range(2)]
    assert said[0] == said[1]
    assert "SIGTERM stopped the run after iteration 5," in said[0]
    assert newest_iteration(folder) == 5


def test_a_rank_that_is_gone_is_told_of_by_the_others(
    tmp_path: Path, processes: ForkServerContext
) -> None:
    folder, port = tmp_path / "run", free_port()
    run_together(processes, die_on_rank, *((rank, port, folder) for rank in range(2)))
    said = (folder / "lost").read_text()
    assert said.startswith("rank 0 lost another process of the run, which ended: killed, or out of")
    assert said.endswith("`predictor resume` goes on from the newest checkpoint")
    assert newest_iteration(folder) == 4
