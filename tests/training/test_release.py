"""Exporting a run: the best weights, and everything that the card promises."""

import json
import os
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

import predictor
from predictor.cli import app
from predictor.errors import OutputExists, OutputIsInput, SettingsError, UnknownModel, UnknownRun
from predictor.model_files import find_companion, find_model
from predictor.networks import NETWORKS
from predictor.systems.entry import SystemEntry, TrainingData
from predictor.systems.phases import Batch, Networks, Optimizer, Phase, PhaseLoss, System
from predictor.systems.settings import RunSettings
from predictor.training.checkpoint import read_checkpoint
from predictor.training.loop import resume, train
from predictor.training.model_card import model_card
from predictor.training.release import export_run, training_command
from predictor.training.run import opened_run
from predictor.training.settings import parsed_overrides
from predictor.weights import load_network, save_network

CONFIG, MODULE = NETWORKS["multiscale"]


class Settings(RunSettings):
    width: int = 2
    note: str = "none"
    sizes: tuple[int, ...] = (1, 2)


class Clips:
    def __len__(self) -> int:
        return 4

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(key[1])
        return {"clip": torch.rand(3, 3, 8, 8, generator=generator) * 2 - 1}


def build(settings: Settings) -> System:
    generator = MODULE(CONFIG(context=2, maps=((settings.width,),), kernels=((3, 3),)))
    validations = [0]

    def loss(networks: Networks, batch: Batch, earlier: Batch) -> PhaseLoss:
        prediction = networks["generator"](batch["clip"][:, :2])[-1]
        return PhaseLoss({"l2": (prediction - batch["clip"][:, 2]).square().mean()})

    def validate(networks: Networks, batches: object) -> dict[str, float]:
        validations[0] += 1  # the second of three is the best
        return {"psnr_1_db": (10.0, 30.0, 20.0)[validations[0] - 1], "ssim_1": 0.5}

    return System(
        networks={"generator": generator},
        phases=(Phase("generator", "generator", loss, Optimizer("adam", 0.05)),),
        release="generator",
        validate=validate,
        best_by=("psnr_1_db", "max"),
        preview=lambda networks, batch, folder: None,
        averages={"generator": 0.5},
    )


SYSTEMS = {
    "frames": SystemEntry(
        Settings, build, lambda settings, path, run=None: TrainingData(Clips(), [])
    )  # type: ignore[arg-type] # no validation batches are needed
}
VALUES = {
    "iterations": 6,
    "validate_every": 2,
    "batch_size": 2,
    "device": "cpu",
    "precision": "fp32",
    "workers": 0,
    "threads": 1,
    "note": "two words",
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / "first"
    settings = Settings.model_validate(VALUES)
    train(folder, "frames", SYSTEMS["frames"], settings, tmp_path / "my clips")
    return folder


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


def test_the_command_says_what_the_run_began_with(run: Path, tmp_path: Path) -> None:
    donor = read_checkpoint(run / "checkpoints" / "best.safetensors").tensors
    prefix = "networks/generator/"
    weights = {n.removeprefix(prefix): t for n, t in donor.items() if n.startswith(prefix)}
    folder = tmp_path / "second"
    train(
        folder,
        "frames",
        SYSTEMS["frames"],
        Settings.model_validate(VALUES),
        tmp_path / "my clips",
        initial_weights=weights,
        begun_from="first.safetensors",
    )
    assert "--init-from first.safetensors" in training_command(opened_run(folder, SYSTEMS))
    assert "--init-from" not in training_command(opened_run(run, SYSTEMS))


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


def test_provenance_is_the_run_s(run: Path, tmp_path: Path) -> None:
    file = export_run(
        run, tmp_path / "mine", SYSTEMS, data="My clips, CC BY", licence="MIT", commercial_use=True
    )
    metadata = load_network(file)[1]
    origin = metadata.provenance
    assert (origin.data, origin.licence, origin.commercial_use) == ("My clips, CC BY", "MIT", True)
    assert origin.scores == {"validation_psnr_1_db": 30.0, "validation_ssim_1": 0.5}
    assert origin.measured_horizon is None
    assert "1 threads, fp32" in origin.hardware
    assert origin.training_time_s > 0
    assert metadata.task == "frames"
    assert metadata.contract.context == 2


def test_the_commit_is_that_of_the_code_that_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder, settings = tmp_path / "first", Settings.model_validate(VALUES)
    monkeypatch.setattr("predictor.training.loop.code_version", lambda: "a" * 40)
    train(folder, "frames", SYSTEMS["frames"], settings, tmp_path, until=4)
    monkeypatch.setattr("predictor.training.loop.code_version", lambda: "b" * 40)
    file = export_run(folder, tmp_path / "mine", SYSTEMS)
    assert load_network(file)[1].provenance.commit == "a" * 40
    resume(folder, SYSTEMS)
    assert "bit for bit" not in caplog.text
    assert load_network(file)[1].provenance.commit == "a" * 40
    newest = export_run(folder, tmp_path / "newest", SYSTEMS, best=False)
    assert load_network(newest)[1].provenance.commit == "b" * 40


def test_terms_are_not_claimed_unasked(run: Path, tmp_path: Path) -> None:
    origin = load_network(export_run(run, tmp_path / "mine", SYSTEMS))[1].provenance
    assert origin.commercial_use is False
    assert "not stated" in origin.data
    assert str(tmp_path) not in origin.model_dump_json()  # no path of somebody's machine


def test_command_starts_the_same_run_again(run: Path) -> None:
    opened = opened_run(run, SYSTEMS)
    words = shlex.split(training_command(opened))
    assert words[:6] == ["predictor", "train", "frames", "my clips", "-o", "first"]
    overrides = [word for word in words[6:] if word != "--set"]
    assert Settings.model_validate(parsed_overrides(overrides)) == opened.settings
    assert "iterations=6" in overrides
    assert not any(override.startswith(("seed", "sizes")) for override in overrides)


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


def test_a_card_keeps_its_form(run: Path, tmp_path: Path) -> None:
    export_run(run, tmp_path / "a b", SYSTEMS, data="a | b\nc", licence="CC\n## x")
    card = (tmp_path / "a b" / "README.md").read_text()
    assert "| data | a \\| b c |" in card
    assert "| licence of the weights | CC ## x |" in card
    assert "sample 'a b'" in card


def test_card_has_every_fact(run: Path, tmp_path: Path) -> None:
    file = export_run(run, tmp_path / "mine", SYSTEMS, data="My clips, CC BY", licence="MIT")
    card = (tmp_path / "mine" / "README.md").read_text()
    origin = load_network(file)[1].provenance
    told = ("My clips, CC BY", "MIT", origin.command, origin.commit, origin.hardware)
    for fact in (*told, "4 of 6", "not allowed", "validation_psnr_1_db | 30", "Known failures"):
        assert fact in card


def test_the_card_tells_of_multiples_where_pictures_of_any_size_are_taken(
    run: Path, tmp_path: Path
) -> None:
    origin = load_network(export_run(run, tmp_path / "mine", SYSTEMS))[1].provenance
    trained = [(opened_run(run, SYSTEMS), 4)]
    for name, says in {"inpainting": True, "labelled-generator": False}.items():
        config, network = NETWORKS[name]
        file = tmp_path / f"{name}.safetensors"
        metadata = save_network(file, name, network(config()), origin)
        assert metadata.contract.multiple > 1
        assert ("padded and cropped" in model_card(file, metadata, trained)) is says


def test_the_card_says_how_a_model_of_that_system_is_used(run: Path, tmp_path: Path) -> None:
    own = {"frames": replace(SYSTEMS["frames"], usage="my_program {name} in.mp4")}
    export_run(run, tmp_path / "a b", own)
    assert "my_program 'a b' in.mp4\n" in (tmp_path / "a b" / "README.md").read_text()


def test_card_and_weights_are_not_overwritten_unasked(run: Path, tmp_path: Path) -> None:
    output = tmp_path / "mine"
    output.mkdir()
    (output / "README.md").write_text("mine")
    with pytest.raises(OutputExists, match=r"README\.md"):
        export_run(run, output, SYSTEMS)
    assert [path.name for path in output.iterdir()] == ["README.md"]
    with pytest.raises(OutputExists, match=r"README\.md: has been written in .* move it away"):
        export_run(run, output, SYSTEMS, overwrite=True)
    assert [path.name for path in output.iterdir()] == ["README.md"]


@pytest.mark.parametrize("section", ["one paragraph, what", "what it does badly"])
def test_a_card_is_written_anew_until_a_person_has_written_in_it(
    section: str, run: Path, tmp_path: Path
) -> None:
    output = tmp_path / "mine"
    export_run(run, output, SYSTEMS)
    export_run(run, output, SYSTEMS, overwrite=True, licence="MIT")
    card = output / "README.md"
    assert "| licence of the weights | MIT |" in card.read_text()
    filled = card.read_text().replace(f"To be written: {section}", "It sees cats.")
    card.write_text(filled)
    with pytest.raises(OutputExists, match=r"README\.md: has been written in"):
        export_run(run, output, SYSTEMS, overwrite=True)
    assert card.read_text() == filled


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


def test_the_command_does_not_tell_where_folders_lie(run: Path, tmp_path: Path) -> None:
    told = json.loads((run / "run.json").read_text())
    told["settings"]["note"] = str(tmp_path / "secret place" / "more pictures")
    (run / "run.json").write_text(json.dumps(told))
    command = training_command(opened_run(run, SYSTEMS))
    assert 'note="more pictures"' in shlex.split(command)
    assert "secret" not in command


def test_data_whose_name_is_no_text_can_be_told_of(tmp_path: Path) -> None:
    data = tmp_path / os.fsdecode(b"d\xff")
    data.mkdir()
    folder = tmp_path / "run"
    train(
        folder,
        "frames",
        SYSTEMS["frames"],
        Settings.model_validate({**VALUES, "iterations": 2}),
        data,
    )
    file = export_run(folder, tmp_path / "model", SYSTEMS)
    assert load_network(file)[1].provenance.data.startswith("d\N{REPLACEMENT CHARACTER};")
