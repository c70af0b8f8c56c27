"""An interrupted run equals an unbroken one, bit for bit; what a run leaves in its folder."""

import json
import logging
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor
from toy import ENTRY, SYSTEMS, ToySettings, build, open_data, settings, signalled

from predictor.errors import (
    DamagedCheckpoint,
    Interrupted,
    OutOfDeviceMemory,
    OutputNotWritten,
    SettingsError,
    UnusableData,
)
from predictor.systems.entry import SystemEntry, TrainingData
from predictor.systems.phases import Networks, System, TrainingDataset
from predictor.training.checkpoint import (
    BEST,
    checkpoint_path,
    checkpoints_newest_first,
    read_checkpoint,
)
from predictor.training.lock import sole_writer
from predictor.training.loop import resume, train
from predictor.training.result import trained_networks


def assert_same_state(first: Path, second: Path) -> None:
    one, other = read_checkpoint(first), read_checkpoint(second)
    assert one.tensors.keys() == other.tensors.keys()
    for name, tensor in one.tensors.items():
        assert torch.equal(tensor, other.tensors[name]), name
    for name in ("iteration", "drawn", "losses", "best"):
        assert one.record[name] == other.record[name], name


def entry(**changes: Any) -> SystemEntry:
    """Return the toy's entry with fields of the system it builds changed."""

    def built(settings: ToySettings) -> System:
        return replace(build(settings), **changes)

    return SystemEntry(ToySettings, built, open_data)


@pytest.mark.parametrize(
    "values",
    [
        {"optimizer": "adam"},
        {"optimizer": "sgd"},
        {"optimizer": "adamw", "update": "together"},
    ],
    ids=str,
)
def test_resumed_run_equals_unbroken(tmp_path: Path, values: dict[str, object]) -> None:
    unbroken = train(tmp_path / "unbroken", "toy", ENTRY, settings(**values), tmp_path)
    train(tmp_path / "broken", "toy", ENTRY, settings(**values), tmp_path, until=5)
    resume(tmp_path / "broken", SYSTEMS, until=6)
    torch.manual_seed(123)  # what ran in between leaves no trace
    resumed = resume(tmp_path / "broken", SYSTEMS)
    assert_same_state(unbroken, resumed)
    checkpoint = read_checkpoint(resumed)
    slot = "momentum_buffer" if values["optimizer"] == "sgd" else "exp_avg_sq"
    assert f"optimizers/generator/{slot}/0.weight" in checkpoint.tensors
    assert checkpoint.tensors["networks/history/mean"].abs().sum() > 0
    # The gate was open at times and closed at others, or what it looks at would not be tested.
    opened = values.get("update") == "together" or 14 < checkpoint.record["drawn"] < 24
    assert opened, checkpoint.record["drawn"]


@pytest.mark.usefixtures("processes")
def test_loading_processes_leave_no_trace(tmp_path: Path) -> None:
    alone = train(tmp_path / "alone", "toy", ENTRY, settings(workers=0), tmp_path, until=6)
    train(tmp_path / "helped", "toy", ENTRY, settings(workers=2), tmp_path, until=3)
    assert_same_state(alone, resume(tmp_path / "helped", SYSTEMS, until=6))


def test_a_batch_that_a_system_cannot_halve_is_refused(tmp_path: Path) -> None:
    halved = replace(ENTRY, build=lambda chosen: replace(build(chosen), share_multiple=2))
    with pytest.raises(SettingsError, match=r"batch_size=3 cannot be shared .* multiples of 2"):
        train(tmp_path / "run", "toy", halved, settings(batch_size=3), tmp_path)


def test_log_has_a_header_and_one_line_a_report(tmp_path: Path) -> None:
    train(tmp_path / "run", "toy", ENTRY, settings(seed=5), tmp_path, until=7)
    log = tmp_path / "run" / "log.jsonl"
    # A kill after the report of iteration 6 but before its checkpoint: the run resumes at 4.
    os.remove(tmp_path / "run/checkpoints/iteration-000007.safetensors")
    with log.open("a") as file:
        file.write('{"iteration": 8, "loss/gen')
    resume(tmp_path / "run", SYSTEMS)
    header, *reports = [json.loads(line) for line in log.read_text().splitlines()]
    assert header["seed"] == 5
    assert header["version"]
    assert header["settings"]["batch_size"] == 4
    trained = [report["iteration"] for report in reports if "training_time_s" in report]
    assert trained == [2, 4, 6, 8, 10, 12]
    assert [r["iteration"] for r in reports if "validation/error" in r] == [4, 8, 12]
    last = next(report for report in reversed(reports) if "training_time_s" in report)
    assert last.keys() >= {
        "loss/generator/reconstruction",
        "loss/generator/adversarial",
        "gradient_norm/generator",
        "gradient_norm/generator/adversarial",
        "learning_rate/generator",
        "time_per_iteration_s",
        "wait_for_data_s",
        "peak_memory_mib",
    }
    assert list((tmp_path / "run/tensorboard").glob("events.*"))
    assert list((tmp_path / "run/previews").glob("*/prediction.txt"))


def test_reported_loss_is_the_mean_since_the_last_report(tmp_path: Path) -> None:
    train(tmp_path / "each", "toy", ENTRY, settings(report_every=1), tmp_path, until=3)
    train(tmp_path / "three", "toy", ENTRY, settings(report_every=3), tmp_path, until=3)
    each, three = (
        [
            report["loss/generator/reconstruction"]
            for report in map(json.loads, (tmp_path / name / "log.jsonl").read_text().splitlines())
            if "loss/generator/reconstruction" in report
        ]
        for name in ("each", "three")
    )
    assert three == [pytest.approx(sum(each) / 3, rel=1e-6)]


def test_best_by_validation_is_kept_and_handed_out(tmp_path: Path) -> None:
    errors = iter([float("nan"), 1.0, 2.0, float("nan")])

    def validate(networks: Networks, batches: object) -> dict[str, float]:
        assert not any(network.training for network in networks.values())
        return {"error": next(errors)}

    falling = entry(validate=validate)
    values = settings(validate_every=3, checkpoint_every=12, keep_checkpoints=1)
    train(tmp_path, "toy", falling, values, tmp_path, until=7)
    last = resume(tmp_path, {"toy": falling})  # which must remember what was best
    kept = [path.name for path in checkpoints_newest_first(last.parent)]
    assert kept == ["iteration-000012.safetensors"]
    best = read_checkpoint(last.parent / BEST)
    assert best.record["iteration"] == 6
    assert read_checkpoint(last).record["best"] == {"value": 1.0, "iteration": 6}

    networks, run, record = trained_networks(tmp_path, {"toy": falling})
    assert record["iteration"] == 6
    assert run.settings == values
    assert list(networks) == ["generator"]
    for name, tensor in networks["generator"].state_dict().items():
        assert torch.equal(tensor, best.tensors[f"averages/generator/{name}"])
    newest, _, record = trained_networks(tmp_path, {"toy": falling}, best=False)
    assert record["iteration"] == 12
    assert not newest["generator"].training
    log = (tmp_path / "log.jsonl").read_text()
    assert log.count('"validation/error": null') == 2  # NaN is no JSON


def test_best_that_a_kill_left_unnamed_is_kept_on_resume(tmp_path: Path) -> None:
    last = train(tmp_path, "toy", ENTRY, settings(), tmp_path, until=4)
    best = last.with_name(BEST)
    assert read_checkpoint(last).record["best"]["iteration"] == 4
    best.unlink()
    shutil.copyfile(checkpoint_path(last.parent, 0), best)  # as if killed before it was renamed
    resume(tmp_path, SYSTEMS, until=5)
    assert read_checkpoint(best).record["iteration"] == 4


def test_without_a_number_to_choose_by_the_last_is_handed_out(tmp_path: Path) -> None:
    undecided = entry(best_by=None)
    values = settings(validate_every=3, checkpoint_every=6)
    last = train(tmp_path, "toy", undecided, values, tmp_path)
    assert not (last.parent / BEST).exists()
    assert trained_networks(tmp_path, {"toy": undecided})[2]["iteration"] == 12


def test_a_number_that_validation_lacks_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train(tmp_path, "toy", entry(best_by=("eror", "min")), settings(), tmp_path)
    said = [record.getMessage() for record in caplog.records if "eror" in record.getMessage()]
    assert len(said) == 1
    assert "chosen by eror, which validation did not measure (it has error" in said[0]


def test_networks_are_prepared_for_the_data_once_before_the_first_iteration(
    tmp_path: Path,
) -> None:
    calls = []

    def prepare(networks: Networks, examples: TrainingDataset) -> None:
        calls.append(len(examples))
        networks["generator"].get_parameter("0.bias").data.fill_(examples[(0, 1)]["x"].mean())

    def prepared(chosen: ToySettings) -> System:
        return replace(build(chosen), prepare=prepare)

    systems = {"toy": replace(ENTRY, build=prepared)}
    last = train(tmp_path, "toy", systems["toy"], settings(), tmp_path, until=1)
    first = read_checkpoint(checkpoint_path(last.parent, 0)).tensors
    expected = open_data(settings(), tmp_path).train[(0, 1)]["x"].mean()
    for kept in ("networks", "averages"):
        assert torch.equal(first[f"{kept}/generator/0.bias"], expected.expand(8))
    resume(tmp_path, systems, until=2)
    assert calls == [10]
    for path in last.parent.iterdir():
        path.unlink()  # as if killed before the first one was written
    resume(tmp_path, systems, until=1)
    assert calls == [10, 10]
    again = read_checkpoint(checkpoint_path(last.parent, 0)).tensors
    assert torch.equal(again["networks/generator/0.bias"], expected.expand(8))


def test_validation_sees_averages_where_kept(tmp_path: Path) -> None:
    seen: dict[str, Tensor] = {}

    def validate(networks: Networks, batches: object) -> dict[str, float]:
        seen.update(
            {name: network.state_dict()["0.weight"].clone() for name, network in networks.items()
             if name != "history"}
        )  # fmt: skip
        return {}

    last = train(tmp_path, "toy", entry(validate=validate), settings(), tmp_path, until=4)
    tensors = read_checkpoint(last).tensors
    assert torch.equal(seen["generator"], tensors["averages/generator/0.weight"])
    assert not torch.equal(seen["generator"], tensors["networks/generator/0.weight"])
    assert torch.equal(seen["discriminator"], tensors["networks/discriminator/0.weight"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_saves_at_the_next_boundary(tmp_path: Path, number: signal.Signals) -> None:
    unbroken = train(tmp_path / "unbroken", "toy", ENTRY, settings(), tmp_path)
    handler = signal.getsignal(number)
    folder = tmp_path / "run"
    with pytest.raises(Interrupted, match=f"iteration 5,.* predictor resume {folder}") as caught:
        train(folder, "toy", signalled(number, call=5), settings(), tmp_path)
    assert caught.value.signal_number == number
    assert signal.getsignal(number) == handler
    assert checkpoints_newest_first(folder / "checkpoints")[0].stem == "iteration-000005"
    assert_same_state(unbroken, resume(folder, SYSTEMS))


def test_a_run_without_its_checkpoints_says_that_it_begins_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    newest = train(tmp_path, "toy", ENTRY, settings(), tmp_path, until=7)
    for path in newest.parent.iterdir():
        path.unlink()
    with caplog.at_level(logging.WARNING):
        resume(tmp_path, SYSTEMS, until=1)
    assert "holds no checkpoint: the run begins anew from its first iteration" in caplog.text


def test_data_that_are_not_where_they_are_said_to_be_are_named(tmp_path: Path) -> None:
    train(tmp_path / "run", "toy", ENTRY, settings(), tmp_path, until=1)
    with pytest.raises(UnusableData, match="nowhere does not exist; expected the data of"):
        resume(tmp_path / "run", SYSTEMS, data=tmp_path / "nowhere")


def test_damaged_checkpoint_costs_only_its_own_work(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    unbroken = train(tmp_path / "unbroken", "toy", ENTRY, settings(), tmp_path)
    newest = train(tmp_path / "run", "toy", ENTRY, settings(), tmp_path, until=7)
    newest.write_bytes(newest.read_bytes()[:-100])
    with caplog.at_level(logging.WARNING):
        assert_same_state(unbroken, resume(tmp_path / "run", SYSTEMS))
    assert str(newest) in caplog.text


def test_run_killed_before_its_first_checkpoint_starts_again(tmp_path: Path) -> None:
    unbroken = train(tmp_path / "unbroken", "toy", ENTRY, settings(), tmp_path)
    first = train(tmp_path / "run", "toy", ENTRY, settings(), tmp_path, until=1)
    for path in first.parent.iterdir():
        path.unlink()
    assert_same_state(unbroken, resume(tmp_path / "run", SYSTEMS))


def test_finished_run_has_nothing_left_to_do(tmp_path: Path) -> None:
    last = train(tmp_path, "toy", ENTRY, settings(), tmp_path)
    before = last.stat().st_mtime_ns
    assert resume(tmp_path, SYSTEMS) == last
    assert last.stat().st_mtime_ns == before


def test_checkpoint_of_another_network_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train(tmp_path, "toy", ENTRY, settings(), tmp_path, until=1)
    other = entry(averages={})
    with caplog.at_level(logging.WARNING), pytest.raises(DamagedCheckpoint, match="none of 2"):
        resume(tmp_path, {"toy": other})
    assert "unknown tensor 'averages/generator/0.bias'" in caplog.text


def test_changed_settings_are_refused_with_both_values(tmp_path: Path) -> None:
    train(tmp_path, "toy", ENTRY, settings(), tmp_path, until=1)
    with pytest.raises(SettingsError, match=r"optimizer was 'adam' .* and is 'sgd'"):
        resume(tmp_path, SYSTEMS, changes={"optimizer": "sgd"})
    told = json.loads((tmp_path / "run.json").read_text())
    told["settings"]["batch_size"] = 6
    (tmp_path / "run.json").write_text(json.dumps(told))
    with pytest.raises(SettingsError, match=r"batch_size was 4 .* and is 6"):
        resume(tmp_path, SYSTEMS)


class Placed(ToySettings):
    places: ClassVar[frozenset[str]] = frozenset({"beside"})
    changeable: ClassVar[frozenset[str]] = ToySettings.changeable | places

    beside: str = "there"


def test_places_that_moved_are_remembered_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, run, here = replace(ENTRY, settings=Placed), tmp_path / "run", tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(tmp_path)
    train(run, "toy", entry, Placed(), tmp_path, until=1)
    changes = {"beside": "here", "report_every": 1}
    resume(run, {"toy": entry}, until=2, changes=changes)
    told = json.loads((run / "run.json").read_text())["settings"]
    assert (told["beside"], told["report_every"]) == (str(here), 2)
    here.rmdir()
    with pytest.raises(UnusableData, match=r"here, which .* --set beside=PATH"):
        resume(run, {"toy": entry}, until=3)


def test_other_surroundings_are_named_and_the_run_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train(tmp_path, "toy", ENTRY, settings(), tmp_path, until=1)
    with caplog.at_level(logging.WARNING):
        resume(tmp_path, SYSTEMS, until=2)
        assert not caplog.text
        resume(tmp_path, SYSTEMS, changes={"threads": 2}, until=3)
    assert "threads was 1 and is 2 now: the run goes on, but not bit for bit" in caplog.text


def test_folders_may_be_named_by_strings(tmp_path: Path) -> None:
    folder = str(tmp_path / "run")
    train(folder, "toy", ENTRY, settings(), str(tmp_path), until=1)
    assert resume(folder, {"toy": ENTRY}, data=str(tmp_path), until=2).name.endswith(
        "2.safetensors"
    )


def test_initial_weights_are_those_of_the_released_network(tmp_path: Path) -> None:
    donor = build(settings(seed=9)).networks["generator"].state_dict()
    folder = tmp_path / "run"
    first = train(
        folder, "toy", ENTRY, settings(), tmp_path, initial_weights=donor, until=1
    ).with_name("iteration-000000.safetensors")
    start = read_checkpoint(first).tensors
    for name, tensor in donor.items():
        assert torch.equal(start[f"networks/generator/{name}"], tensor)
        assert torch.equal(start[f"averages/generator/{name}"], tensor)
    wrong = {name: tensor for name, tensor in donor.items() if name != "0.bias"}
    with pytest.raises(SettingsError, match=r"'0.bias' is missing in the model, \(8,\) in"):
        train(tmp_path / "two", "toy", ENTRY, settings(), tmp_path, initial_weights=wrong)


def test_full_memory_ends_in_a_remedy(tmp_path: Path) -> None:
    def greedy(settings: ToySettings, path: Path, run: Path | None = None) -> TrainingData:
        class Greedy:
            def __len__(self) -> int:
                return 4

            def __getitem__(self, key: tuple[int, int]) -> dict[str, Tensor]:
                return {"x": torch.empty(2**55)}

        return TrainingData(Greedy(), [])

    with pytest.raises(OutOfDeviceMemory, match="cpu has not enough memory: lower batch_size, now"):
        train(tmp_path, "toy", SystemEntry(ToySettings, build, greedy), settings(), tmp_path)


def test_data_without_examples_are_refused(tmp_path: Path) -> None:
    def nothing(settings: ToySettings, path: Path, run: Path | None = None) -> TrainingData:
        return TrainingData([], [])  # type: ignore[arg-type] # a list has a length as well

    folder = tmp_path / "run"
    with pytest.raises(UnusableData, match="no examples"):
        train(folder, "toy", SystemEntry(ToySettings, build, nothing), settings(), tmp_path)
    assert not folder.exists()


def test_second_process_in_a_folder_is_refused(tmp_path: Path) -> None:
    last = train(tmp_path, "toy", ENTRY, settings(), tmp_path, until=1)
    with sole_writer(tmp_path), pytest.raises(OutputNotWritten, match=f"training in {tmp_path}"):
        resume(tmp_path, SYSTEMS)
    assert checkpoints_newest_first(last.parent)[0] == last
    resume(tmp_path, SYSTEMS, until=2)
