"""``predictor reproduce`` of small pictures: trained, resumed, tested, compared with the paper."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from predictor.analysis.likelihood import chosen_width
from predictor.cli import app
from predictor.errors import Interrupted, OutputExists, SettingsError, UnknownModel, UnusableData
from predictor.metrics import nearest_class_error, parzen_log_likelihood
from predictor.recipes import Recipe, load_recipe
from predictor.reproduction import reproduction
from predictor.reproduction.classifiers import salimans_2016
from predictor.reproduction.generators import goodfellow_2014
from predictor.reproduction.measured import Measured, Protocol, Row, Subject
from predictor.reproduction.pictures import held_out_pictures, pictures_of_test
from predictor.reproduction.plan import recipe_settings
from predictor.reproduction.protocols import PROTOCOLS
from predictor.reproduction.reproduction import Request
from predictor.systems import SYSTEMS
from predictor.training.checkpoint import read_checkpoint
from predictor.training.loop import train
from predictor.training.release import export_run

run = CliRunner().invoke

HELD_OUT = {"validation_rows": "last", "validation_count": 12}
TINY: dict[str, dict[str, Any]] = {
    "gan": {
        "generator": {"network": "dense-generator", "latent": 4, "hidden": [8, 6]},
        "discriminator": {"network": "dense-discriminator", "hidden": [6, 4]},
        "images": {"size": [8, 8], "channels": 1} | HELD_OUT,
        "validation_samples": 8,
    },
    "conditional-gan": {
        "classes": 3,
        "generator": {"network": "dense-generator", "latent": 4, "hidden": [8, 6]},
        "discriminator": {"network": "dense-discriminator", "hidden": [6, 4]},
        "images": {"size": [8, 8], "channels": 1} | HELD_OUT,
        "validation_samples": 8,
    },
    "dcgan": {
        "generator": {"network": "dcgan", "latent": 4, "maps": [6, 4]},
        "discriminator": {"network": "dcgan-discriminator", "maps": [4, 6]},
        "images": {"size": [8, 8], "channels": 1} | HELD_OUT,
    },
    "improved-gan": {
        "classes": 3,
        "labels": 6,
        "best_by": "last",
        "generator": {"network": "normalized-dense-generator", "latent": 4, "hidden": [6]},
        "discriminator": {"network": "dense-classifier", "hidden": [6, 5]},
        "images": {"size": [8, 8], "channels": 1} | HELD_OUT,
    },
    "lapgan": {
        "sizes": [4, 8],
        "coarsest_generator": {"hidden": [6, 5]},
        "coarsest_discriminator": {"hidden": [5, 4]},
        "finer_generator": {"planes": [3, 3]},
        "finer_discriminator": {"planes": 8, "kernel": 3},
        "nearest_images": 1,
        "nearest_samples": 2,
        "images": {"size": [8, 8], "channels": 1} | HELD_OUT,
        "validation_samples": 8,
    },
}
COMMON = {
    "iterations": 6,
    "batch_size": 4,
    "checkpoint_every": 2,
    "validate_every": 3,
    "preview_every": 6,
    "precision": "fp32",
}
QUICK = ["--set", "threads=1", "--set", "workers=0", "--device", "cpu"]


def tiny(name: str, **more: Any) -> Recipe:
    """Return the recipe with small networks, few iterations and few samples."""
    recipe = load_recipe(name)
    asked = recipe.protocol_settings.model_copy(
        update={
            "samples": 60,
            "draws": 2,
            "labels": (3, 6) if recipe.protocol_settings.labels else (),
        }
    )
    return recipe.model_copy(
        update={"settings": {**COMMON, **TINY[recipe.system]}, "protocol_settings": asked, **more}
    )


@pytest.fixture(autouse=True)
def _tiny_recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("predictor.recipes.load_recipe", lambda name: tiny(name))
    monkeypatch.setattr("predictor.reproduction.plan.load_recipe", lambda name: tiny(name))
    monkeypatch.setattr("predictor.analysis.supervised.IMAGES_SEEN", 60)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "d.npz"
    random = np.random.default_rng(0)

    def pictures(count: int) -> np.ndarray:
        images = random.integers(0, 80, (count, 8, 8), np.uint8)
        images[np.arange(count), 2 * (np.arange(count) % 3)] += 150
        return images

    np.savez(
        path,
        x_train=pictures(120),
        y_train=np.arange(120) % 3,
        x_test=pictures(30),
        y_test=np.arange(30) % 3,
    )
    return path


def reproduce(*arguments: Any) -> Any:
    return run(app, ["reproduce", *map(str, arguments)], env={"COLUMNS": "300"})


def document(folder: Path) -> dict[str, Any]:
    (entry,) = json.loads((folder / "reproduction.json").read_text())["results"]
    found: dict[str, Any] = entry
    return found


def test_likelihood_is_that_of_the_checkpoint_and_the_gap_to_the_paper(
    data: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "r"
    done = reproduce("gan-mnist", data, "-o", folder, *QUICK)
    assert done.exit_code == 0, done.output
    entry = document(folder)
    subject = Subject(
        recipe=tiny("gan-mnist"),
        settings=recipe_settings(tiny("gan-mnist")),
        data=data,
        model=_trained(folder / "gan-mnist-seed-0"),
    )
    samples = (subject.sampler().sampled(60, 0) + 1) / 2
    test, _ = pictures_of_test(subject)
    choosing, _ = held_out_pictures(subject, 1000)
    assert len(choosing) == 12
    sigma = chosen_width((choosing + 1) / 2, samples)
    wanted = float(parzen_log_likelihood((test + 1) / 2, samples, [sigma]).mean())
    assert entry["scores"] == {"parzen_nats": pytest.approx(wanted, abs=1e-6)}
    assert entry["gaps"] == {"parzen_nats": pytest.approx(wanted - 225, abs=1e-6)}
    assert entry["scale"] == 1
    assert {"method": "deep GSN", "parzen_nats": 214.0} in entry["published"]
    for said in (
        "test digits [paper]",
        "adversarial nets *",
        "225.00",
        f"{wanted:.2f} ±",
        f"{wanted - 225:+.2f}",
    ):
        assert said in done.stdout
    assert "6 of 6 iterations" in done.stdout


def test_misclassified_test_pictures_are_counted(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "r"
    done = reproduce("improved-gan-mnist-100", data, "-o", folder, "--seeds", 2, *QUICK)
    assert done.exit_code == 0, done.output
    with np.load(data) as stored:
        pictures, labels = stored["x_test"], stored["y_test"]
    images = torch.from_numpy(pictures)[:, None].float() / 255
    wrong = []
    for seed in range(2):
        trained = _trained(folder / f"improved-gan-mnist-100-seed-{seed}")
        answers = trained.networks["discriminator"](images).logits.argmax(1).numpy()
        wrong.append(int((answers != labels).sum()))
    entry = document(folder)
    (row,) = entry["measured"]
    assert row["wrong_of_10000"]["values"] == pytest.approx([10_000 * w / 30 for w in wrong])
    expected = 10_000 * np.mean(wrong) / 30
    assert entry["scores"]["wrong_of_10000"] == pytest.approx(expected)
    assert entry["gaps"]["wrong_of_10000"] == pytest.approx(expected - 93)
    assert "6 labels were shown" in done.stdout


def _trained(folder: Path) -> reproduction.Trained:
    return reproduction.Trained("x", reproduction.trained_networks(folder, SYSTEMS)[0])


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


def test_samples_of_a_class_classify_the_test_pictures(data: Path, tmp_path: Path) -> None:
    done = reproduce("conditional-gan-mnist", data, "-o", tmp_path / "r", *QUICK)
    assert done.exit_code == 0, done.output
    entry = document(tmp_path / "r")
    subject = Subject(
        recipe=tiny("conditional-gan-mnist"),
        settings=recipe_settings(tiny("conditional-gan-mnist")),
        data=data,
        model=_trained(tmp_path / "r/conditional-gan-mnist-seed-0"),
    )
    test, labels = pictures_of_test(subject)
    assert labels is not None
    samples, numbers = subject.sampler().sampled(60, 0), torch.arange(60) % 3
    wanted = 100 * nearest_class_error(test, labels, samples, numbers)
    assert entry["scores"]["one_nearest_neighbour_error_percent"] == pytest.approx(wanted)
    assert entry["gaps"]["one_nearest_neighbour_error_percent"] == pytest.approx(wanted - 2.98)


def test_features_are_reported_beside_their_baselines(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "r"
    done = reproduce("dcgan-svhn", data, "-o", folder, "--draws", 1, *QUICK)
    assert done.exit_code == 0, done.output
    entry = document(folder)
    methods = [row["method"] for row in entry["measured"]]
    assert methods[0] == "dcgan-svhn: features + linear SVM"
    assert methods[1:] == [
        "random weights + linear SVM",
        "the same network, supervised",
        "HOG + linear SVM",
        "pixels + nearest neighbours",
    ]
    assert set(entry["scores"]) == {"error_percent_3", "error_percent_6"}
    assert "3 labels: 1 of 2 draws" in entry["notes"]
    (one,) = entry["runs"]
    assert one["tested_iteration"] == 6  # the last weights, not the best


def test_lapgan_is_reported_beside_a_plain_gan(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "r"
    done = reproduce("lapgan-cifar10", data, "-o", folder, *QUICK)
    assert done.exit_code == 0, done.output
    own, other = document(folder)["measured"]
    assert (own["method"], other["method"]) == ("lapgan-cifar10", "gan-cifar10-baseline")
    assert {"parzen_nats", "multiscale_parzen_nats"} <= set(own)
    assert np.isfinite(own["multiscale_parzen_nats"]["mean"])
    assert "multiscale_parzen_nats" not in other
    assert [each["recipe"] for each in document(folder)["runs"]] == [
        "lapgan-cifar10",
        "gan-cifar10-baseline",
    ]
    models = [tmp_path / "models" / name for name in ("pyramid", "pair")]
    for name, model in zip(("lapgan-cifar10", "gan-cifar10-baseline"), models, strict=True):
        export_run(folder / f"{name}-seed-0", model, SYSTEMS)
    tested = reproduce("lapgan-cifar10", models[0], data, "--against", models[1], "--json")
    assert tested.exit_code == 0, tested.output
    (entry,) = json.loads(tested.stdout)["results"]
    assert entry["runs"] == []
    for measure, value in document(folder)["scores"].items():
        assert entry["scores"][measure] == pytest.approx(value, rel=0.01)
    alone = reproduce("lapgan-cifar10", models[0], data)
    assert isinstance(alone.exception, SettingsError)
    assert "--against" in str(alone.exception)


def test_a_model_card_takes_the_scores(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "r"
    assert reproduce("gan-mnist", data, "-o", folder, *QUICK).exit_code == 0
    done = run(app, ["export", str(folder / "gan-mnist-seed-0"), "-o", str(tmp_path / "m"),
                     "--evaluation", str(folder / "reproduction.json")])  # fmt: skip
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
         "iterations was 6"),
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


def test_models_of_another_kind_are_named(data: Path) -> None:
    def subject(name: str) -> Subject:
        networks = {"": torch.nn.Linear(1, 1)}
        settings = recipe_settings(tiny(name))
        return Subject(tiny(name), settings, data, reproduction.Trained("mine", networks))

    with pytest.raises(UnknownModel, match="mine has no discriminator that tells classes"):
        salimans_2016(subject("improved-gan-mnist-100"))
    said = "mine generates no pictures, as the models of the recipe gan-mnist do"
    with pytest.raises(UnknownModel, match=said):
        goodfellow_2014(subject("gan-mnist"))


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
