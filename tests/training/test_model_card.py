"""What the card and the file of a model tell: the command, the data, the terms, its failures."""

import json
import os
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from toy_release import SYSTEMS, VALUES, Settings, toy_run

from predictor.errors import OutputExists
from predictor.networks import NETWORKS
from predictor.recipes import load_recipe, recipe_names
from predictor.systems import SYSTEMS as ALL_SYSTEMS
from predictor.training.checkpoint import read_checkpoint
from predictor.training.loop import resume, train
from predictor.training.model_card import model_card
from predictor.training.release import export_run, training_command
from predictor.training.run import Run, opened_run
from predictor.training.settings import parsed_overrides, validated_settings
from predictor.weights import load_network, save_network


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return toy_run(tmp_path)


def test_terms_are_not_claimed_unasked(run: Path, tmp_path: Path) -> None:
    origin = load_network(export_run(run, tmp_path / "mine", SYSTEMS))[1].provenance
    assert origin.commercial_use is False
    assert "not stated" in origin.data
    assert str(tmp_path) not in origin.model_dump_json()  # no path of somebody's machine


def test_a_card_keeps_its_form(run: Path, tmp_path: Path) -> None:
    export_run(run, tmp_path / "a b", SYSTEMS, data="a | b\nc", licence="CC\n## x")
    card = (tmp_path / "a b" / "README.md").read_text()
    assert "| data | a \\| b c |" in card
    assert "| licence of the weights | CC ## x |" in card
    assert "sample 'path/to/a b'" in card


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
    assert "my_program 'path/to/a b' in.mp4\n" in (tmp_path / "a b" / "README.md").read_text()


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


def test_command_starts_the_same_run_again(run: Path) -> None:
    opened = opened_run(run, SYSTEMS)
    words = shlex.split(training_command(opened))
    assert words[:6] == ["predictor", "train", "frames", "my clips", "-o", "first"]
    overrides = [word for word in words[6:] if word != "--set"]
    assert Settings.model_validate(parsed_overrides(overrides)) == opened.settings
    assert "iterations=6" in overrides
    assert not any(override.startswith(("seed", "sizes")) for override in overrides)


@pytest.mark.parametrize("name", recipe_names())
def test_the_command_of_a_recipe_s_run_gives_its_settings(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    entry = ALL_SYSTEMS[recipe.system]
    settings = validated_settings(entry.settings, recipe.settings)
    command = training_command(Run(tmp_path, recipe.system, entry, settings, tmp_path))
    told = [word for word in shlex.split(command)[6:] if word != "--set"]
    again = validated_settings(entry.settings, parsed_overrides(told))
    assert again.model_dump(mode="json") == settings.model_dump(mode="json")


@pytest.mark.parametrize(
    "values",
    [
        {"generator_optimizer": {"kind": "adamw", "learning_rate": 0.02}},
        {"generator_optimizer": {"kind": "adam", "momentum_epochs": [0, 375]}},
        {"finer_generator": {"network": "large-detail-generator"}},
    ],
)
def test_the_command_gives_what_another_kind_does_not_inherit(
    values: dict[str, Any], tmp_path: Path
) -> None:
    entry = ALL_SYSTEMS["lapgan"]
    settings = validated_settings(entry.settings, values)
    command = training_command(Run(tmp_path, "lapgan", entry, settings, tmp_path))
    told = [word for word in shlex.split(command)[6:] if word != "--set"]
    again = validated_settings(entry.settings, parsed_overrides(told))
    assert again.model_dump(mode="json") == settings.model_dump(mode="json")
    assert len(told) == sum(map(len, values.values()))


def test_a_changed_dictionary_stands_in_the_command_as_a_whole(tmp_path: Path) -> None:
    entry = ALL_SYSTEMS["inpaint"]
    settings = validated_settings(
        entry.settings, {"masks": {"kinds": {"strokes": 0.5, "blobs": 1.0}}}
    )
    words = shlex.split(training_command(Run(tmp_path, "inpaint", entry, settings, tmp_path)))
    assert words[6:] == ["--set", "masks.kinds={strokes=0.5,blobs=1.0}"]


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


def test_provenance_is_the_run_s(run: Path, tmp_path: Path) -> None:
    file = export_run(
        run, tmp_path / "mine", SYSTEMS, data="My clips, CC BY", licence="MIT", commercial_use=True
    )
    metadata = load_network(file)[1]
    origin = metadata.provenance
    assert (origin.data, origin.licence, origin.commercial_use) == ("My clips, CC BY", "MIT", True)
    assert origin.scores == {"validation_psnr_1_db": 30.0, "validation_ssim_1": 0.5}
    assert origin.measured_horizon is None
    assert "1 thread, fp32" in origin.hardware
    assert origin.training_time_s > 0
    assert metadata.task == "frames"
    assert metadata.contract.context == 2


def test_the_commit_is_that_of_the_code_that_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder, settings = tmp_path / "first", Settings.model_validate(VALUES)
    monkeypatch.setattr("predictor.training.starting_state.code_version", lambda: "a" * 40)
    train(folder, "frames", SYSTEMS["frames"], settings, tmp_path, until=4)
    monkeypatch.setattr("predictor.training.starting_state.code_version", lambda: "b" * 40)
    file = export_run(folder, tmp_path / "mine", SYSTEMS)
    assert load_network(file)[1].provenance.commit == "a" * 40
    resume(folder, SYSTEMS)
    assert "bit for bit" not in caplog.text
    assert load_network(file)[1].provenance.commit == "a" * 40
    newest = export_run(folder, tmp_path / "newest", SYSTEMS, best=False)
    assert load_network(newest)[1].provenance.commit == "b" * 40
