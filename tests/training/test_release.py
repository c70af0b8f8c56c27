"""Exporting a run: the best weights, whole, and nothing overwritten."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from toy_release import CONFIG, MODULE, SYSTEMS, VALUES, Settings, build, toy_run
from typer.testing import CliRunner

import predictor
from predictor.cli import app
from predictor.errors import OutputExists, OutputIsInput, SettingsError, UnknownModel, UnknownRun
from predictor.model_files import find_companion, find_model
from predictor.systems.phases import System
from predictor.training.checkpoint import read_checkpoint
from predictor.training.loop import train
from predictor.training.release import export_run
from predictor.training.run import opened_run
from predictor.weights import load_network


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return toy_run(tmp_path)


def test_best_average_is_exported_in_half_precision(run: Path, tmp_path: Path) -> None:
    file = export_run(run, tmp_path / "mine", SYSTEMS)
    assert file == tmp_path / "mine" / "mine.safetensors"
    network, metadata = load_network(file)
    best = read_checkpoint(run / "checkpoints" / "best.safetensors")
    assert best.record["iteration"] == metadata.provenance.iterations == 4
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, best.tensors[f"averages/generator/{name}"].half().float())
    assert not torch.equal(
        best.tensors["averages/generator/scales.0.0.weight"],
        best.tensors["networks/generator/scales.0.0.weight"],
    )


def test_what_is_released_beside_it_has_a_file_of_its_own(tmp_path: Path) -> None:
    def pair(settings: Settings) -> System:
        system = build(settings)
        judge = MODULE(CONFIG(context=2, maps=((3,),), kernels=((3, 3),)))
        return replace(
            system,
            networks={**system.networks, "discriminator": judge},
            companions=("discriminator",),
        )

    systems = {"frames": replace(SYSTEMS["frames"], build=pair)}
    folder, output = tmp_path / "runs", tmp_path / "mine"
    settings = Settings.model_validate(VALUES)
    train(folder, "frames", systems["frames"], settings, tmp_path / "clips")
    file = export_run(folder, output, systems)
    beside = output / "mine.discriminator.safetensors"
    assert find_model(output) == file
    assert find_companion(file, "discriminator") == beside
    assert {path.name for path in output.iterdir()} == {file.name, beside.name, "README.md"}
    assert "| `mine.discriminator.safetensors` | 0.00 MB" in (output / "README.md").read_text()
    network, metadata = load_network(beside)
    assert (metadata.task, metadata.part) == ("frames", "discriminator")
    best = read_checkpoint(folder / "checkpoints" / "best.safetensors")
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, best.tensors[f"networks/discriminator/{name}"].half().float())
    with pytest.raises(UnknownModel, match="is the discriminator of a model"):
        predictor.load(beside)
    beside.write_text("mine")
    file.unlink()
    (output / "README.md").unlink()
    with pytest.raises(OutputExists, match=r"mine\.discriminator"):
        export_run(folder, output, systems)
    assert [path.name for path in output.iterdir()] == [beside.name]


def test_a_model_without_the_network_asked_for_says_so(run: Path, tmp_path: Path) -> None:
    file = export_run(run, tmp_path / "mine", SYSTEMS)
    with pytest.raises(UnknownModel, match=r"without its discriminator: there is no mine\.disc"):
        find_companion(file, "discriminator")


def test_newest_is_exported_on_request(run: Path, tmp_path: Path) -> None:
    file = export_run(run, tmp_path / "mine", SYSTEMS, best=False)
    assert load_network(file)[1].provenance.iterations == 6


def test_a_damaged_newest_is_passed_over(
    run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    (copy / "checkpoints" / "iteration-000099.safetensors").write_bytes(b"half of it")
    file = export_run(copy, tmp_path / "mine", SYSTEMS, best=False)
    assert load_network(file)[1].provenance.iterations == 6
    assert "iteration-000099.safetensors is damaged" in caplog.text


def test_a_run_without_validation_says_that_its_newest_is_exported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "runs" / "early"
    settings = Settings.model_validate(VALUES | {"validate_every": 4})
    train(folder, "frames", SYSTEMS["frames"], settings, tmp_path / "clips", until=3)
    export_run(folder, tmp_path / "mine", SYSTEMS)
    assert "not chosen its best weights" in caplog.text
    assert "the newest are taken, after 3 of 6 iterations" in caplog.text
    caplog.clear()
    export_run(folder, tmp_path / "newest", SYSTEMS, best=False)
    assert not caplog.text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"run\.json is damaged \(Expecting value"),
        ("[3]", r"run\.json is damaged \("),
        ('{"system": ["frames"], "settings": {}, "data": "x"}', r"no system \['frames'\]"),
        ('{"system": "frames", "settings": {"iterations": "x"}, "data": "x"}', "iterations='x'"),
    ],
)
def test_a_run_file_that_was_spoilt_says_where_its_settings_are(
    run: Path, content: str, message: str
) -> None:
    (run / "run.json").write_text(content)
    with pytest.raises(SettingsError, match=message) as raised:
        opened_run(run, SYSTEMS)
    assert "run.json" in str(raised.value)
    assert ("log.jsonl" in str(raised.value)) == ("no system" not in message)


def document(horizon: int) -> dict[str, Any]:
    row = {"mean": 31.25, "low": 30.0, "high": 32.0}
    measures = {
        "psnr_db": [row] * horizon,
        "ssim": [row] * horizon,
        "sharpness_db": [row] * horizon,
    }
    entry = {
        "horizon": horizon,
        "means": {"repeat-last": measures, "mine": measures},
        "gain_psnr_db": {"mine": [{"mean": float(k)} for k in range(1, horizon + 1)]},
        "share_worse_than_repeat_last": {"mine": [0.02] * horizon},
    }
    return {"results": [entry], "exit_code": 0}


def test_scores_are_those_of_the_evaluation(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "evaluation.json"
    path.write_text(json.dumps(document(8)))
    file = export_run(run, tmp_path / "mine", SYSTEMS, evaluation=path)
    origin = load_network(file)[1].provenance
    assert origin.measured_horizon == 8
    assert origin.scores["psnr_frame_1_db"] == 31.25
    assert [origin.scores[f"gain_frame_{step}_db"] for step in (1, 4, 8)] == [1, 4, 8]
    assert origin.scores["share_worse_than_repeat_last"] == 0.02
    assert "Measured up to 8 frames ahead." in (tmp_path / "mine" / "README.md").read_text()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"results": []}',
        '{"results": [{}]}',
        '{"results": [{"scores": {}}]}',
        '{"results": [{"scores": {"psnr_db": "x"}}]}',
        '{"results": [{"scores": {"psnr_db": NaN}}]}',
    ],
)
def test_other_documents_are_refused_before_anything_is_written(
    run: Path, tmp_path: Path, content: str
) -> None:
    path = tmp_path / "evaluation.json"
    path.write_text(content)
    with pytest.raises(SettingsError, match=r"evaluation\.json is not what"):
        export_run(run, tmp_path / "mine", SYSTEMS, evaluation=path)
    assert not (tmp_path / "mine").exists()


def test_scores_of_a_model_of_another_system_are_refused(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "evaluation.json"
    path.write_text(json.dumps({"results": [{"system": "gan", "scores": {"parzen_nats": 1.0}}]}))
    with pytest.raises(SettingsError, match="measures a model of the system 'gan', not of 'frames"):
        export_run(run, tmp_path / "mine", SYSTEMS, evaluation=path)


def test_companions_of_the_model_that_is_replaced_go(run: Path, tmp_path: Path) -> None:
    output = tmp_path / "mi[n]e"
    export_run(run, output, SYSTEMS)
    usual = {path.name for path in output.iterdir()}
    (output / "mi[n]e.discriminator.safetensors").write_bytes(b"of before")
    (output / "mi[n]er.safetensors").write_bytes(b"another model")
    export_run(run, output, SYSTEMS, overwrite=True)
    assert {path.name for path in output.iterdir()} == {*usual, "mi[n]er.safetensors"}


def test_no_model_is_written_among_the_files_of_a_run_or_its_data(
    run: Path, tmp_path: Path
) -> None:
    data = opened_run(run, SYSTEMS).data
    data.mkdir()
    for output in (run, data):
        before = sorted(output.iterdir())
        with pytest.raises(OutputIsInput, match="name another for the model"):
            export_run(run, output, SYSTEMS, overwrite=True)
        assert sorted(output.iterdir()) == before


def test_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownRun, match="is not a run"):
        export_run(tmp_path, tmp_path / "mine", SYSTEMS)


def test_a_log_cut_short_or_gone_costs_only_its_scores(run: Path, tmp_path: Path) -> None:
    log = run / "log.jsonl"
    log.write_text(log.read_text() + '{"iteration": 4, "validation/lost": null}\n{"iterat')
    origin = load_network(export_run(run, tmp_path / "mine", SYSTEMS))[1].provenance
    assert origin.scores["validation_psnr_1_db"] == 30
    assert "validation_lost" not in origin.scores  # of one that was not finite
    log.unlink()
    origin = load_network(export_run(run, tmp_path / "bare", SYSTEMS))[1].provenance
    assert origin.scores == {}


def test_json_of_an_export(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("predictor.systems.SYSTEMS", SYSTEMS)
    done = CliRunner().invoke(app, ["export", str(run), "-o", str(tmp_path / "mine"), "--json"])
    (entry,) = json.loads(done.stdout)["results"]
    assert (entry["input"], entry["output"]) == (str(run), str(tmp_path / "mine/mine.safetensors"))
    assert (entry["task"], entry["network"], entry["iterations"]) == ("frames", "multiscale", 4)
    assert entry["scores"]["validation_psnr_1_db"] == 30
    assert Path(entry["card"]).is_file()
