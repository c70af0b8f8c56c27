"""The protocols, run by ``predictor reproduce`` on small recipes, against scores computed here."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_recipes import QUICK, document, reproduce, tiny, trained_in

from predictor.analysis.likelihood import best_window
from predictor.errors import SettingsError, UnknownModel
from predictor.metrics import nearest_class_error, parzen_log_likelihood
from predictor.reproduction import reproduction
from predictor.reproduction.classifiers import salimans_2016
from predictor.reproduction.generators import goodfellow_2014
from predictor.reproduction.measured import Subject
from predictor.reproduction.pictures import held_out_pictures, pictures_of_test
from predictor.reproduction.plan import recipe_settings
from predictor.systems import SYSTEMS
from predictor.training.release import export_run

pytestmark = pytest.mark.usefixtures("tiny_recipes")


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
        model=trained_in(folder / "gan-mnist-seed-0"),
    )
    samples = (subject.sampler().sampled(60, 0) + 1) / 2
    test, _ = pictures_of_test(subject)
    choosing, _ = held_out_pictures(subject, 1000)
    assert len(choosing) == 12
    sigma = best_window((choosing + 1) / 2, samples)[1]
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
        trained = trained_in(folder / f"improved-gan-mnist-100-seed-{seed}")
        answers = trained.networks["discriminator"](images).logits.argmax(1).numpy()
        wrong.append(int((answers != labels).sum()))
    entry = document(folder)
    (row,) = entry["measured"]
    assert row["wrong_of_10000"]["values"] == pytest.approx([10_000 * w / 30 for w in wrong])
    expected = 10_000 * np.mean(wrong) / 30
    assert entry["scores"]["wrong_of_10000"] == pytest.approx(expected)
    assert entry["gaps"]["wrong_of_10000"] == pytest.approx(expected - 93)
    assert "6 labels were shown" in done.stdout


def test_samples_of_a_class_classify_the_test_pictures(data: Path, tmp_path: Path) -> None:
    done = reproduce("conditional-gan-mnist", data, "-o", tmp_path / "r", *QUICK)
    assert done.exit_code == 0, done.output
    entry = document(tmp_path / "r")
    subject = Subject(
        recipe=tiny("conditional-gan-mnist"),
        settings=recipe_settings(tiny("conditional-gan-mnist")),
        data=data,
        model=trained_in(tmp_path / "r/conditional-gan-mnist-seed-0"),
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
