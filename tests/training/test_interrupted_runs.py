"""Runs that are stopped before their first iteration, moved, or lost what they began with."""

import json
import logging
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from test_loop import assert_same_state
from toy import ENTRY, SYSTEMS, ToySettings, build, open_data, settings, signalled

from predictor.errors import (
    DamagedCheckpoint,
    Interrupted,
    OutputExists,
    OutputNotWritten,
    UnusableData,
)
from predictor.systems.entry import SystemEntry, TrainingData
from predictor.training import loop
from predictor.training.checkpoint import checkpoint_path, read_checkpoint
from predictor.training.loop import resume, train
from predictor.training.reports import reports_in


def looking(number: int, found_out: Path) -> SystemEntry:
    """Return the toy with data that are looked at until this signal comes."""

    def opened(chosen: ToySettings, path: Path, run: Path | None = None) -> TrainingData:
        try:
            os.kill(os.getpid(), number)
        finally:
            found_out.touch()
        return open_data(chosen, path, run)

    return replace(ENTRY, open_data=opened)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_the_data_are_looked_at_keeps_what_was_found(
    tmp_path: Path, number: signal.Signals
) -> None:
    handler = signal.getsignal(number)
    folder, found_out = tmp_path / "run", tmp_path / "found"
    with pytest.raises(Interrupted, match=r"next iteration; .*: the same command") as caught:
        train(folder, "toy", looking(number, found_out), settings(), tmp_path)
    assert caught.value.signal_number == number
    assert found_out.exists()
    assert not folder.exists()
    assert signal.getsignal(number) == handler
    train(folder, "toy", ENTRY, settings(), tmp_path, until=2)
    with pytest.raises(Interrupted, match=f"continue with: predictor resume {folder}"):
        resume(folder, {"toy": looking(number, found_out)})


def test_a_signal_is_answered_when_it_comes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), pytest.raises(Interrupted):
        train(tmp_path / "run", "toy", signalled(signal.SIGINT, call=2), settings(), tmp_path)
    assert "SIGINT: the run stops and is saved after this iteration" in caplog.text


def test_nobody_else_looks_at_the_data_meanwhile(tmp_path: Path) -> None:
    folder = tmp_path / "run"

    def opened(chosen: ToySettings, path: Path, run: Path | None = None) -> TrainingData:
        with pytest.raises(OutputNotWritten, match="another process is training"):
            train(folder, "toy", ENTRY, chosen, path)
        return open_data(chosen, path, run)

    train(folder, "toy", replace(ENTRY, open_data=opened), settings(), tmp_path, until=1)


def test_a_run_killed_before_its_first_checkpoint_keeps_the_weights_it_begins_with(
    tmp_path: Path,
) -> None:
    donor = build(settings(seed=9)).networks["generator"].state_dict()
    folder = tmp_path / "run"

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    for step in ("write_checkpoint", "write_run_file"):
        patched = pytest.MonkeyPatch()
        patched.setattr(loop, step, killed)
        with pytest.raises(KeyboardInterrupt):
            train(folder, "toy", ENTRY, settings(), tmp_path, initial_weights=donor, begun_from="x")
        patched.undo()
        assert not (folder / "run.json").exists(), "resume would begin without them"
    train(folder, "toy", ENTRY, settings(), tmp_path, initial_weights=donor, until=1)
    start = read_checkpoint(checkpoint_path(folder / "checkpoints", 0)).tensors
    assert torch.equal(start["networks/generator/0.bias"], donor["0.bias"])


def test_a_run_that_lost_the_weights_it_began_with_is_not_resumed(tmp_path: Path) -> None:
    donor = build(settings(seed=9)).networks["generator"].state_dict()
    train(
        tmp_path, "toy", ENTRY, settings(), tmp_path, initial_weights=donor, begun_from="x", until=1
    )
    shutil.rmtree(tmp_path / "checkpoints")
    with pytest.raises(DamagedCheckpoint, match="began with the weights of x: train anew"):
        resume(tmp_path, SYSTEMS)


def test_checkpoints_whose_run_is_not_known_are_not_trained_over(tmp_path: Path) -> None:
    last = train(tmp_path / "run", "toy", ENTRY, settings(), tmp_path, until=5)
    (tmp_path / "run" / "run.json").unlink()
    with pytest.raises(OutputExists, match=r"iteration-000005.safetensors is of a run whose"):
        train(tmp_path / "run", "toy", ENTRY, settings(), tmp_path)
    assert last.exists()


def test_a_run_goes_on_where_its_data_were_moved_to(tmp_path: Path) -> None:
    unbroken = train(tmp_path / "unbroken", "toy", ENTRY, settings(), tmp_path)
    before, folder = tmp_path / "before", tmp_path / "run"
    before.mkdir()
    train(folder, "toy", ENTRY, settings(), before, until=5)
    before.rename(tmp_path / "after")
    folder = folder.rename(tmp_path / "moved")
    moved = f"{before}, which {folder} trains on, is not there .* resume {folder} --data DATA"
    with pytest.raises(UnusableData, match=moved):
        resume(folder, SYSTEMS)
    resume(folder, SYSTEMS, data=tmp_path / "after", changes={"report_every": 3}, until=6)
    told = json.loads((folder / "run.json").read_text())
    assert told["data"] == str(tmp_path / "after")
    assert told["settings"]["report_every"] == 2, "changes are of one resume"
    assert_same_state(unbroken, resume(folder, SYSTEMS))


def test_a_log_on_a_full_disk_is_an_output_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    train(folder, "toy", ENTRY, settings(), tmp_path, until=1)
    monkeypatch.setattr("predictor.training.reports.write_whole", lambda path, content: None)
    (folder / "log.jsonl").unlink()
    (folder / "log.jsonl").symlink_to("/dev/full")
    monkeypatch.setattr("predictor.training.reports.reports_in", lambda folder: [])
    with pytest.raises(OutputNotWritten, match=r"log.jsonl was not written: No space"):
        resume(folder, SYSTEMS)


def test_reports_are_read_past_a_line_cut_short_and_without_a_log(tmp_path: Path) -> None:
    assert reports_in(tmp_path) == []
    (tmp_path / "log.jsonl").write_text('{"seed": 0}\n{"iteration": 2}\n{"itera')
    assert reports_in(tmp_path) == [{"seed": 0}, {"iteration": 2}]
