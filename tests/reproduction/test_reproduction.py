"""``predictor reproduce`` of small pictures: trained, resumed, averaged, within a budget."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_recipes import QUICK, document, reproduce, tiny
from typer.testing import CliRunner

from predictor.cli import app
from predictor.errors import Interrupted, OutputExists, SettingsError, UnusableData
from predictor.reproduction import reproduction
from predictor.reproduction.measured import Measured, Protocol, Row, Subject
from predictor.reproduction.protocols import PROTOCOLS
from predictor.reproduction.reproduction import Request
from predictor.training.checkpoint import read_checkpoint
from predictor.training.loop import train

pytestmark = pytest.mark.usefixtures("tiny_recipes")


def test_seeds_differ_and_are_averaged(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "r"
    assert reproduce("gan-mnist", data, "-o", folder, *QUICK).exit_code == 0
    first = document(folder)["scores"]["parzen_nats"]
    weights = folder / "gan-mnist-seed-0/checkpoints"
    before = {path: path.stat().st_mtime_ns for path in weights.iterdir()}
    done = reproduce("gan-mnist", data, "-o", folder, "--seeds", 3, *QUICK)
    assert done.exit_code == 0, done.output
    assert {path: path.stat().st_mtime_ns for path in weights.iterdir()} == before
    entry = document(folder)
    (row,) = entry["measured"]
    values = row["parzen_nats"]["values"]
    assert values[0] == first
    assert len(set(values)) == 3
    assert row["parzen_nats"]["spread"] == pytest.approx(np.std(values, ddof=1))
    assert entry["scores"]["parzen_nats"] == pytest.approx(np.mean(values))
    assert "mean ± deviation over 3 seeds (0, 1, 2)" in done.stdout


def test_a_seed_is_measured_again_only_with_other_test_settings(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def counted(subject: Subject) -> Measured:
        return Measured((Row("mine", {"draws": float(subject.draws)}),), {"draws": "draws"}, "")

    monkeypatch.setitem(PROTOCOLS, "goodfellow-2014", Protocol(counted))
    recipe = tiny("gan-mnist")
    settings = recipe.protocol_settings.model_copy(update={"draws": 100})
    recipe = recipe.model_copy(update={"protocol_settings": settings})
    changes = {"threads": 1, "workers": 0}

    def draws_of(asked: int) -> float:
        request = Request(recipe, data, tmp_path / "r", draws=asked, changes=changes, device="cpu")
        (seed,) = reproduction.reproduced(request).seeds
        return seed.measured.rows[0].scores["draws"]

    assert draws_of(5) == 5
    assert draws_of(100) == 100
    assert draws_of(200) == 100  # no more than the recipe has: what was measured stands


def test_what_was_measured_is_not_taken_for_another_recipe_of_the_same_name(
    data: Path, tmp_path: Path
) -> None:
    changes = {"threads": 1, "workers": 0}

    def run(**settings: Any) -> None:
        recipe = tiny("gan-mnist", settings={**tiny("gan-mnist").settings, **settings})
        request = Request(recipe, data, tmp_path / "r", changes=changes, device="cpu")
        reproduction.reproduced(request)

    run()
    run()
    with pytest.raises(SettingsError, match="of gan-mnist with other settings than the recipe has"):
        run(batch_size=2)
    plan = tmp_path / "r/plan.json"
    told = json.loads(plan.read_text())
    del told["settings"]  # as before they were kept
    plan.write_text(json.dumps(told))
    run()


@pytest.mark.parametrize("budget", [[], ["--budget", "30s"]])
def test_data_that_are_refused_leave_no_folder(tmp_path: Path, budget: list[str]) -> None:
    images = np.zeros((60, 8, 8), np.uint8)
    labels = np.arange(60) % 3
    labels[0] = 3  # one class more than the recipe has
    np.savez(tmp_path / "d.npz", x_train=images, y_train=labels, x_test=images, y_test=labels % 3)
    folder = tmp_path / "all" / "r"
    asked = ["improved-gan-mnist-100", tmp_path / "d.npz", "-o", folder, *budget, *QUICK]
    assert isinstance(reproduce(*asked).exception, UnusableData)
    assert not folder.parent.exists()


def test_changed_data_are_measured_again(data: Path, tmp_path: Path) -> None:
    path, folder = tmp_path / "d.npz", tmp_path / "r"
    with np.load(data) as stored:
        arrays = dict(stored)
    np.savez(path, **arrays)
    assert reproduce("gan-mnist", path, "-o", folder, *QUICK).exit_code == 0
    before = document(folder)["scores"]
    np.savez(
        path, **{**arrays, "x_test": 255 - arrays["x_test"][:-2], "y_test": arrays["y_test"][:-2]}
    )
    done = reproduce("gan-mnist", path, "-o", folder, *QUICK)
    assert done.exit_code == 0, done.output
    assert document(folder)["scores"] != before
    assert f"{len(arrays['x_test']) - 2} test pictures" in done.stdout


@pytest.mark.parametrize("content", ['{"asked":', "{}", "[]"])
def test_a_damaged_result_is_measured_again(content: str, data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "r"
    assert reproduce("gan-mnist", data, "-o", folder, *QUICK).exit_code == 0
    before = document(folder)["scores"]
    (folder / "measured-seed-0.json").write_text(content)
    done = reproduce("gan-mnist", data, "-o", folder, *QUICK)
    assert done.exit_code == 0, done.output
    assert document(folder)["scores"] == before


def test_data_that_cannot_be_tested_on_are_refused_before_training(
    data: Path, tmp_path: Path
) -> None:
    path, folder = tmp_path / "d.npz", tmp_path / "r"
    with np.load(data) as stored:
        np.savez(
            path, x_train=stored["x_train"], y_train=stored["y_train"], x_test=stored["x_test"]
        )
    done = reproduce("conditional-gan-mnist", path, "-o", folder, *QUICK)
    assert isinstance(done.exception, UnusableData), done.output
    assert "no labels in its part test, by which conditional-gan-mnist" in str(done.exception)
    assert not folder.exists()
    assert reproduce("gan-mnist", path, "-o", folder, *QUICK).exit_code == 0  # it needs none


def test_a_model_of_another_system_is_no_result_of_the_recipe(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "r"
    assert reproduce("gan-mnist", data, "-o", folder, *QUICK).exit_code == 0
    arguments = ["export", str(folder / "gan-mnist-seed-0"), "-o", str(tmp_path / "m")]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    done = reproduce("conditional-gan-mnist", tmp_path / "m", data)
    assert isinstance(done.exception, SettingsError), done.output
    assert "is of the system 'gan', the recipe conditional-gan-mnist" in str(done.exception)


def test_an_interrupted_reproduction_is_resumed_and_ends_like_an_unbroken_one(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert reproduce("gan-mnist", data, "-o", whole, *QUICK).exit_code == 0

    def stopping(*arguments: Any, **options: Any) -> Path:
        train(*arguments, **options, until=4)
        raise Interrupted("stopped", 2)

    with monkeypatch.context() as patched:
        patched.setattr(reproduction, "train", stopping)
        done = reproduce("gan-mnist", data, "-o", broken, *QUICK)
    assert isinstance(done.exception, Interrupted)
    assert "the same command goes on" in str(done.exception)
    assert not (broken / "reproduction.json").exists()
    assert reproduce("gan-mnist", data, "-o", broken, *QUICK).exit_code == 0
    assert document(broken)["scores"] == document(whole)["scores"]


def test_a_budget_scales_the_run_down_and_says_so(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    affordable = {"count": 3}
    monkeypatch.setattr(
        "predictor.reproduction.plan.affordable_iterations", lambda *_: affordable["count"]
    )
    folder = tmp_path / "r"
    done = reproduce("gan-mnist", data, "-o", folder, "--budget", "30m", *QUICK)
    assert done.exit_code == 0, done.output
    entry = document(folder)
    assert (entry["scale"], entry["budget_s"]) == (0.5, 1800)
    assert entry["runs"][0]["iterations"] == 3
    assert "SCALED DOWN to 50 % of the iterations for a budget of 30 min" in done.stdout
    assert re.search(r": 3 of 6 iterations, \d+ s on cpu", done.stdout)
    affordable["count"] = 2  # what was planned stays
    assert reproduce("gan-mnist", data, "-o", folder, "--budget", "30m", *QUICK).exit_code == 0
    assert document(folder)["runs"][0]["iterations"] == 3
    other = reproduce("gan-mnist", data, "-o", folder, *QUICK)
    assert isinstance(other.exception, SettingsError)
    assert "budget_s=1800.0, asked for is None" in str(other.exception)


def test_a_budget_is_measured(data: Path, tmp_path: Path) -> None:
    done = reproduce("gan-mnist", data, "-o", tmp_path / "r", "--budget", "1h", *QUICK)
    assert done.exit_code == 0, done.output
    assert document(tmp_path / "r")["scale"] == 1  # six iterations fit into an hour


def test_a_model_card_takes_the_scores(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "r"
    assert reproduce("gan-mnist", data, "-o", folder, *QUICK).exit_code == 0
    arguments = [folder / "gan-mnist-seed-0", "-o", tmp_path / "m"]
    arguments += ["--evaluation", folder / "reproduction.json"]
    done = CliRunner().invoke(app, ["export", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    nats = document(folder)["scores"]["parzen_nats"]
    card = (tmp_path / "m/README.md").read_text()
    assert f"| parzen_nats | {nats:g} |" in card
    assert "Measured on data that it was not trained on." in card


def test_what_cannot_be_done_is_named(data: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("dear")
    no_test = tmp_path / "d.npz"
    with np.load(data) as stored:
        np.savez(no_test, x_train=stored["x_train"])
    for arguments, error, said in (
        (["gan-mnist", data, "-o", tmp_path / "mine"], OutputExists, "holds something else"),
        (["gan-mnist", no_test, "-o", tmp_path / "n", *QUICK], UnusableData, "no part 'test'"),
        (["gan-mnist", data, "-o", tmp_path / "s", "--set", "iterations=2"], SettingsError,
         "--set iterations: the recipe has 6, with 2 it would be another result. Only "),
    ):  # fmt: skip
        done = reproduce(*arguments)
        assert isinstance(done.exception, error), done.output
        assert said in str(done.exception)
    for arguments, said in (
        (["gan-mnist", data], "-o RUN is needed"),
        (
            ["gan-mnist", data, "-o", tmp_path / "x", "--every", "2"],
            "--every does not apply to the recipe 'gan-mnist'",
        ),
        (["gan-mnist", "a", "b", "c"], "expected [MODEL] DATA"),
        (["gan-mnist", "a", data, "--seeds", "2"], "--seeds does not apply to a trained MODEL"),
        (["gan-cifar10-dense", data], "has no protocol"),
    ):
        done = reproduce(*arguments)
        assert done.exit_code == 2, said
        assert said in done.output


def test_budgets_of_two_recipes_share_the_time(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = []

    def measured(
        system: str, entry: Any, settings: Any, path: Path, budget_s: float, cache: Path
    ) -> int:
        shares.append((system, budget_s))
        return 2

    monkeypatch.setattr("predictor.reproduction.plan.affordable_iterations", measured)
    done = reproduce("lapgan-cifar10", data, "-o", tmp_path / "r", "--budget", "4m", *QUICK)
    assert done.exit_code == 0, done.output
    assert shares == [("lapgan", 120), ("gan", 120)]
    last = read_checkpoint(
        tmp_path / "r/lapgan-cifar10-seed-0/checkpoints/iteration-000002.safetensors"
    )
    assert last.record["settings"]["iterations"] == 2
