"""``predictor train`` and ``predictor resume`` on a toy system: exit codes, output, files."""

import json
import sys
from pathlib import Path

import PIL.Image
import pytest
import torch
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent / "training"))
from toy import SYSTEMS, build, settings

from predictor.cli import app
from predictor.errors import (
    OutputExists,
    OutputIsInput,
    OutputNotWritten,
    SettingsError,
    UnknownModel,
    UnknownRun,
    UnusableData,
)
from predictor.systems import SYSTEMS as ALL_SYSTEMS
from predictor.training import training_warnings
from predictor.training.checkpoint import read_checkpoint

run = CliRunner().invoke


@pytest.fixture(autouse=True)
def _toy_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("predictor.systems.SYSTEMS", SYSTEMS, raising=False)


def test_trains_stops_and_resumes(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    first = run(app, ["train", "toy", ".", "-o", str(folder), "--until", "3"])
    assert first.exit_code == 0, first.output
    assert first.stdout.splitlines() == [str(folder / "checkpoints/iteration-000003.safetensors")]
    second = run(app, ["resume", str(folder), "--set", "report_every=4"])
    assert second.stdout.splitlines() == [str(folder / "checkpoints/iteration-000012.safetensors")]
    assert "iteration 12/12" in second.stderr
    assert f"toy on 10 examples an epoch of {Path.cwd()}; cpu" in first.stderr
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert lines[0]["seed"] == 0
    assert [line["iteration"] for line in lines[1:] if "training_time_s" in line] == [2, 4, 8, 12]


def test_dry_run_writes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    done = run(app, ["train", "toy", ".", "-o", str(folder), "--dry-run"])
    assert done.exit_code == 0, done.output
    assert not folder.exists()
    # 3x8+8, 2x8 of batch norm, 8x3+3; 3x8+8, 8x1+1
    assert "parameters   generator 75\nparameters   discriminator 41\n" in done.stdout
    assert "10 per epoch" in done.stdout


def test_existing_run_is_not_trained_over(tmp_path: Path) -> None:
    arguments = ["train", "toy", ".", "-o", str(tmp_path / "run"), "--until", "1"]
    assert run(app, arguments).exit_code == 0
    again = run(app, arguments)
    assert isinstance(again.exception, OutputExists)
    assert f"predictor resume {tmp_path / 'run'}" in str(again.exception)


def test_a_run_of_another_system_is_not_the_one_to_continue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [".", "-o", str(tmp_path / "run"), "--until", "1"]
    assert run(app, ["train", "toy", *arguments]).exit_code == 0
    monkeypatch.setitem(SYSTEMS, "other", SYSTEMS["toy"])
    again = run(app, ["train", "other", *arguments])
    assert isinstance(again.exception, OutputExists)
    assert str(again.exception) == (
        f"{tmp_path / 'run'} holds a run of toy, not of other; choose another folder"
    )
    (tmp_path / "run" / "run.json").write_text("[]")
    again = run(app, ["train", "other", *arguments])
    assert "holds a run; continue it with" in str(again.exception)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "batchsize=3"], "unknown setting 'batchsize'; did you mean 'batch_size'?"),
        (["--set", "batch_size=0"], "batch_size=0: "),
        (["--set", "batch_size"], "expected key=value"),
        (["--set", "generator_size=3"], "unknown setting 'generator_size'; "),
        (["--recipe", "none-such"], "no recipe 'none-such'"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, arguments: list[str], message: str) -> None:
    done = run(app, ["train", "toy", ".", "-o", str(tmp_path / "run"), *arguments])
    assert isinstance(done.exception, SettingsError)
    assert message in str(done.exception)
    assert not (tmp_path / "run").exists()


def test_masks_that_are_not_there_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("predictor.systems.SYSTEMS", ALL_SYSTEMS)
    PIL.Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    PIL.Image.new("RGB", (64, 64)).save(tmp_path / "b.png")
    missing = ["train", "inpaint", str(tmp_path), "-o", str(tmp_path / "run"), "--masks", "none"]
    done = run(app, missing)
    assert isinstance(done.exception, UnusableData)
    assert "none" in str(done.exception)


def test_unknown_system_is_a_usage_error(tmp_path: Path) -> None:
    done = run(app, ["train", "toys", ".", "-o", str(tmp_path / "run")])
    assert done.exit_code == 2
    assert "did you mean 'toy'" in done.output


def test_resume_of_what_is_not_a_run(tmp_path: Path) -> None:
    done = run(app, ["resume", str(tmp_path)])
    assert isinstance(done.exception, UnknownRun)
    assert f"{tmp_path} is not a run" in str(done.exception)
    (tmp_path / "cat.png").touch()
    for command in (["resume"], ["export", "-o", str(tmp_path / "model")]):
        done = run(app, [*command, str(tmp_path / "cat.png")])
        assert isinstance(done.exception, UnknownRun)
        assert str(done.exception) == (
            f"{tmp_path / 'cat.png'} is not a run: it is a file, expected a folder with run.json"
        )


def test_the_run_that_a_checkpoint_lies_in_is_named(tmp_path: Path) -> None:
    checkpoint = tmp_path / "run" / "checkpoints" / "iteration-000001.safetensors"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.touch()
    (tmp_path / "run" / "run.json").touch()
    for path in (checkpoint, checkpoint.parent):
        done = run(app, ["resume", str(path)])
        assert isinstance(done.exception, UnknownRun)
        assert f"; name the run that it lies in, {tmp_path / 'run'}" in str(done.exception)


def test_starts_from_a_released_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    donor = build(settings(seed=9)).networks["generator"]
    monkeypatch.setattr(
        "predictor.model_files.find_model", lambda name: Path(f"{name}.safetensors")
    )
    monkeypatch.setattr(
        "predictor.weights.load_network",
        lambda path: ({Path("released.safetensors"): donor}[path], None),
    )
    folder = tmp_path / "run"
    arguments = ["train", "toy", ".", "-o", str(folder), "--until", "1"]
    assert run(app, [*arguments, "--init-from", "released"]).exit_code == 0
    start = read_checkpoint(folder / "checkpoints/iteration-000000.safetensors").tensors
    for name, tensor in donor.state_dict().items():
        assert torch.equal(start[f"networks/generator/{name}"], tensor)


def test_unknown_model_to_start_from(tmp_path: Path) -> None:
    arguments = ["train", "toy", ".", "-o", str(tmp_path / "run"), "--init-from", "none-such"]
    assert isinstance(run(app, arguments).exception, UnknownModel)
    assert not (tmp_path / "run").exists()


def test_json_says_where_a_run_stands(tmp_path: Path) -> None:
    folder = str(tmp_path / "run")
    first = run(app, ["train", "toy", ".", "-o", folder, "--until", "3", "--json"])
    document = json.loads(first.stdout)
    assert document["exit_code"] == 0
    (entry,) = document["results"]
    assert entry == {
        "input": ".",
        "output": f"{folder}/checkpoints/iteration-000003.safetensors",
        "status": "done",
        "error": None,
        "run": folder,
        "iteration": 3,
        "iterations": 12,
    }
    assert f"3 of 12 iterations are done; next: predictor resume {folder}" in first.stderr
    second = run(app, ["resume", folder, "--json"])
    (entry,) = json.loads(second.stdout)["results"]
    assert (entry["input"], entry["iteration"]) == (str(Path.cwd()), 12)
    assert f"next: predictor export {folder} -o models/run" in second.stderr


def test_commands_that_are_named_can_be_pasted_into_a_shell(tmp_path: Path) -> None:
    folder = str(tmp_path / "my run")
    first = run(app, ["train", "toy", ".", "-o", folder, "--until", "3"])
    assert f"next: predictor resume '{folder}'" in first.stderr
    again = run(app, ["train", "toy", ".", "-o", folder])
    assert str(again.exception).endswith(f"predictor resume '{folder}'")
    last = run(app, ["resume", folder])
    assert f"next: predictor export '{folder}' -o 'models/my run'" in last.stderr


def test_json_of_a_dry_run(tmp_path: Path) -> None:
    done = run(app, ["train", "toy", ".", "-o", str(tmp_path / "run"), "--dry-run", "--json"])
    (entry,) = json.loads(done.stdout)["results"]
    assert (entry["status"], entry["output"], entry["examples"]) == ("planned", None, 10)
    assert entry["parameters"] == {"generator": 75, "discriminator": 41, "history": 0}


def test_a_dry_run_says_what_helps_where_data_are_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_warnings, "WAITING_SHARE", 0.0)
    monkeypatch.setattr(training_warnings, "WAITING_S", 0.0)
    done = run(app, ["train", "toy", ".", "-o", str(tmp_path / "run"), "--dry-run"])
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("loading"))
    assert "% of that is waiting for data; more processes that load" in line


def test_a_run_is_not_written_among_its_own_data(tmp_path: Path) -> None:
    done = run(app, ["train", "toy", str(tmp_path), "-o", f"{tmp_path}/../{tmp_path.name}"])
    assert isinstance(done.exception, OutputIsInput)
    assert "is the folder of the data" in str(done.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_not_written_among_other_files(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "cat.png").write_bytes(b"")
    done = run(app, ["train", "toy", ".", "-o", str(folder)])
    assert isinstance(done.exception, OutputExists)
    assert "pictures holds other files (cat.png); choose a new folder" in str(done.exception)
    (folder / "cat.png").rename(folder / ".cat.png")
    done = run(app, ["train", "toy", ".", "-o", str(folder), "--until", "1"])
    assert done.exit_code == 0, done.output


def test_a_file_is_no_place_for_a_run(tmp_path: Path) -> None:
    file = tmp_path / "digits.npz"
    file.write_bytes(b"")
    done = run(app, ["train", "toy", ".", "-o", str(file)])
    assert isinstance(done.exception, OutputExists)
    assert "digits.npz is a file, expected the name of a new folder" in str(done.exception)
    done = run(app, ["train", "toy", ".", "-o", str(file / "run")])
    assert isinstance(done.exception, OutputNotWritten)
    assert "not written: a part of its path is a file, not a folder" in str(done.exception)


def test_more_iterations_than_the_run_has_are_refused(tmp_path: Path) -> None:
    folder = str(tmp_path / "begun")
    assert run(app, ["train", "toy", ".", "-o", folder, "--until", "1"]).exit_code == 0
    again = run(app, ["resume", folder, "--until", "13"])
    assert isinstance(again.exception, SettingsError)
    assert "--until 13 is beyond the 12 iterations of the run" in str(again.exception)
    done = run(app, ["train", "toy", ".", "-o", str(tmp_path / "run"), "--until", "9999"])
    assert done.exit_code == 2
    assert "--set" in done.output
    assert not (tmp_path / "run").exists()


def test_moved_data_are_named_on_resume(tmp_path: Path) -> None:
    data, folder = tmp_path / "data", str(tmp_path / "run")
    data.mkdir()
    run(app, ["train", "toy", str(data), "-o", folder, "--until", "1"])
    data.rename(tmp_path / "moved")
    assert isinstance(run(app, ["resume", folder]).exception, UnusableData)
    done = run(app, ["resume", folder, "--data", str(tmp_path / "moved"), "--until", "2"])
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("option", "value"),
    [("--labels", "10"), ("--unlabelled", "."), ("--level", "8"), ("--masks", ".")],
)
def test_an_option_of_another_system_is_a_usage_error(
    tmp_path: Path, option: str, value: str
) -> None:
    done = run(app, ["train", "toy", ".", "-o", str(tmp_path / "run"), option, value])
    assert done.exit_code == 2
    assert f"{option} does not apply to the system 'toy'" in done.output


def test_more_data_are_found_from_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("predictor.systems.SYSTEMS", ALL_SYSTEMS)
    for name in ("a", "b", "masks/c"):
        picture = PIL.Image.new("RGB", (64, 64))
        picture.paste((255, 255, 255), (0, 0, 32, 32))
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        picture.save(tmp_path / "photos" / f"{name}.png")
    (tmp_path / "photos" / "masks").rename(tmp_path / "masks")
    monkeypatch.chdir(tmp_path)
    small = ["photos.crop=[64,64]", "batch_size=1", "workers=0", "generator.widths=[8,8,8]"]
    options = [word for value in small for word in ("--set", value)]
    arguments = ["train", "inpaint", "photos", "-o", "run", "--masks", "masks", "--until", "1"]
    done = run(app, [*arguments, *options])
    assert done.exit_code == 0, done.output
    monkeypatch.chdir("photos")
    done = run(app, ["resume", "../run", "--until", "2"])
    assert done.exit_code == 0, done.output
    (tmp_path / "masks").rename(tmp_path / "shapes")
    done = run(app, ["resume", "../run", "--until", "3"])
    assert isinstance(done.exception, UnusableData)
    assert str(done.exception).endswith("predictor resume ../run --set masks.folder=PATH")
    done = run(app, ["resume", "../run", "--until", "3", "--set", "masks.folder=../shapes"])
    assert done.exit_code == 0, done.output
