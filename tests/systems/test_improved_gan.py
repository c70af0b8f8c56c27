"""The system ``improved-gan``: what the two losses see, which pictures are used how."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1] / "data"))
from made_images import write_mat

from predictor.errors import SettingsError
from predictor.losses import feature_matching_loss
from predictor.recipes import load_recipe
from predictor.systems import SYSTEMS
from predictor.systems.improved_gan import ImprovedGanSettings, build, open_data
from predictor.systems.phases import Batch, PhaseLoss, System
from predictor.training.hardware import hardware_for
from predictor.training.loop import train
from predictor.training.result import trained_networks
from predictor.training.run import Run
from predictor.training.settings import merged, validated_settings
from predictor.training.starting_state import built_state

SMALL: dict[str, Any] = {
    "generator": {"network": "normalized-dense-generator", "latent": 4, "hidden": [8]},
    "discriminator": {
        "network": "dense-classifier",
        "hidden": [16, 8],
        "input_noise": 0.0,
        "noise": 0.0,
    },
    "images": {"size": [4, 4], "channels": 1, "validation_share": 0.2},
    "classes": 3,
    "batch_size": 6,
}


def chosen(**values: Any) -> ImprovedGanSettings:
    return validated_settings(ImprovedGanSettings, {**SMALL, **values})


def pictures(path: Path, count: int = 60, seed: int = 0) -> Path:
    """Dim, grey and bright pictures in turn, with labels."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    images = random.integers(0, 60, (count, 4, 4), np.uint8) + (90 * labels)[:, None, None]
    np.savez(path, images=images.astype(np.uint8), labels=labels)
    return path


def batch_of(count: int = 6) -> Batch:
    torch.manual_seed(1)
    names = ("image", "matched_image", "labelled_image")
    images = {name: torch.rand(count, 1, 4, 4) * 2 - 1 for name in names}
    return {**images, "label": torch.arange(count) % 3}


def loss_of(system: System, number: int, batch: Batch) -> PhaseLoss:
    torch.manual_seed(2)
    return system.phases[number].loss(system.networks, batch, {})


def built(**values: Any) -> System:
    torch.manual_seed(0)
    return build(chosen(**values))


def generated(system: System, count: int = 6) -> Tensor:
    torch.manual_seed(2)
    return system.networks["generator"](torch.rand(count, 4))


def test_the_discriminator_s_terms_are_those_of_the_paper() -> None:
    system, batch = built(unlabelled_weight=0.5), batch_of()
    found = loss_of(system, 0, batch).terms
    judge = system.networks["discriminator"]
    labelled = judge((batch["labelled_image"] + 1) / 2).logits
    real = judge((batch["image"] + 1) / 2).logits
    fake = judge(generated(system)).logits
    chance = labelled.softmax(1)[range(6), batch["label"]]
    assert found["labelled"].item() == pytest.approx(-chance.log().mean().item(), rel=1e-5)
    sums = real.exp().sum(1)
    expected = -0.5 * (sums / (1 + sums)).log().mean()
    assert found["real"].item() == pytest.approx(expected.item(), rel=1e-5)
    expected = 0.5 * (1 + fake.exp().sum(1)).log().mean()
    assert found["fake"].item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("begins_by_data", [True, False])
def test_units_of_the_training_pictures_are_measured(tmp_path: Path, begins_by_data: bool) -> None:
    units = {"units": "standardized"}
    settings = chosen(
        generator={**SMALL["generator"], **units},
        discriminator={**SMALL["discriminator"], **units},
        begins_by_data=begins_by_data,
    )
    system, examples = build(settings), open_data(settings, pictures(tmp_path / "p.npz")).train
    assert system.prepare is not None
    system.prepare(system.networks, examples)
    seen = torch.stack([examples[(0, number)]["image"] for number in range(len(examples))])
    for name in ("generator", "discriminator"):
        network: Any = system.networks[name]
        encoded = network.units.encoded(seen)
        assert encoded.mean(0).abs().max() < 1e-4
        assert encoded.std(0, correction=0).sub(1).abs().max() < 1e-3


def test_weights_of_a_model_leave_the_units_of_the_pictures_at_hand(tmp_path: Path) -> None:
    settings = chosen(
        device="cpu",
        generator={**SMALL["generator"], "units": "standardized"},
        discriminator={**SMALL["discriminator"], "units": "standardized"},
    )
    entry = SYSTEMS["improved-gan"]
    examples = entry.open_data(settings, pictures(tmp_path / "d.npz")).train
    model = entry.build(settings).networks["generator"]
    units: Any = model.units
    units.prepare(torch.full((1, 4, 4), 9.0), torch.full((1, 4, 4), 3.0))
    run = Run(tmp_path, "improved-gan", entry, settings, tmp_path)
    state = built_state(run, hardware_for(settings), model.state_dict(), examples)
    begun: dict[str, Any] = dict(state.system.networks)
    assert torch.equal(begun["generator"].units.mean, begun["discriminator"].units.mean)
    assert begun["generator"].units.mean.abs().max() < 1
    ours, theirs = begun["generator"].state_dict(), model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours if "units" not in name)


def test_the_paper_s_equation_has_no_half() -> None:
    half, whole = (loss_of(built(unlabelled_weight=w), 0, batch_of()).terms for w in (0.5, 1.0))
    for name in ("real", "fake"):
        assert 2 * half[name].item() == pytest.approx(whole[name].item())
    assert half["labelled"].item() == whole["labelled"].item()


def test_what_has_no_weight_is_no_term() -> None:
    assert list(loss_of(built(unlabelled_weight=0.0), 0, batch_of()).terms) == ["labelled"]


@pytest.mark.parametrize(("kind", "p"), [("", 2), ("absolute_", 1)])
def test_the_generator_matches_features_of_other_pictures(kind: str, p: int) -> None:
    system, batch = built(generator_loss=f"{kind}feature_matching"), batch_of()
    judge = system.networks["discriminator"]
    real = judge((batch["matched_image"] + 1) / 2).features
    expected = feature_matching_loss(judge(generated(system)).features, real, p)
    found = loss_of(system, 1, batch).terms
    assert found["feature_matching"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_labels_never_enter_the_generator_s_step() -> None:
    system, batch = built(), dict(batch_of())
    before = loss_of(system, 1, batch).terms["feature_matching"]
    del batch["label"], batch["labelled_image"], batch["image"]
    assert torch.equal(loss_of(system, 1, batch).terms["feature_matching"], before)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"labels": 0}, "labels=0"),
        ({"labels": 7}, "labels=7 cannot be as many of each of 3 classes; expected a multiple of"),
        ({"labels": 2}, "labels=2 cannot"),
        ({"generator": {"shape": [1, 8, 8]}}, r"generator.shape is \(1, 8, 8\)"),
        ({"generator": {"units": "signed"}}, "generator.units is 'signed'"),
        ({"discriminator": {"classes": 4}}, "discriminator.classes is 4, classes 3"),
        ({"label": 5}, "unknown setting 'label'; did you mean 'labels'"),
    ],
)
def test_settings_that_do_not_fit_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        validated_settings(ImprovedGanSettings, merged(SMALL, values))


def test_few_labels_and_many_pictures_teach_three_classes(tmp_path: Path) -> None:
    values = chosen(
        labels=3, iterations=60, validate_every=60, workers=0, threads=1, device="cpu",
        average_decay=0.9, best_by="last",
        discriminator={**SMALL["discriminator"], "input_noise": 0.1, "noise": 0.1},
    )  # fmt: skip
    path = pictures(tmp_path / "d.npz")
    train(tmp_path / "run", "improved-gan", SYSTEMS["improved-gan"], values, path)
    networks, _, record = trained_networks(tmp_path / "run", SYSTEMS)
    assert record["iteration"] == 60
    assert record["best"] is None
    assert record["facts"]["classes"] == ["0", "1", "2"]
    assert list(networks) == ["generator", "discriminator"]
    held_out: Any = open_data(values, path).validation
    batch = next(iter(held_out))
    logits = networks["discriminator"]((batch["image"] + 1) / 2).logits
    assert (logits.argmax(1) == batch["label"]).all()


def test_the_mnist_recipe_is_that_of_the_code() -> None:
    recipe = load_recipe("improved-gan-mnist-100")
    values = validated_settings(ImprovedGanSettings, recipe.settings)
    assert values.iterations * values.batch_size == 300 * 60_000
    assert (values.labels, values.best_by, values.held_out_pictures) == (100, "last", True)
    system = build(values)
    average = system.averages["discriminator"]
    assert callable(average)
    assert (average(0), average(10**6)) == (0, pytest.approx(0.9999))
    for phase in system.phases:
        assert phase.optimizer is not None
        assert phase.optimizer.betas == (0.5, 0.999)
        assert phase.optimizer.learning_rate_factor is not None
        rates = [0.003 * phase.optimizer.learning_rate_factor(i) for i in (0, 179_999)]
        assert rates == [0.003, 0.003]


@pytest.mark.parametrize("kind", ["minimax", "non_saturating"])
def test_the_generator_may_be_asked_to_be_taken_for_real(kind: str) -> None:
    system = built(generator_loss=kind)
    sums = system.networks["discriminator"](generated(system)).logits.exp().sum(1)
    share = sums / (1 + sums)
    expected = (1 - share).log().mean() if kind == "minimax" else -share.log().mean()
    found = loss_of(system, 1, batch_of()).terms
    assert found["adversarial"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_generator_may_be_updated_more_often() -> None:
    discriminator, generator = built(generator_steps=3).phases
    assert (discriminator.repeats, generator.repeats) == (1, 3)


def test_label_smoothing_is_one_sided() -> None:
    plain, smoothed = (loss_of(built(real_target=t), 0, batch_of()).terms for t in (1.0, 0.9))
    assert smoothed["fake"] == plain["fake"]
    system = built()
    sums = system.networks["discriminator"]((batch_of()["image"] + 1) / 2).logits.exp().sum(1)
    share = sums / (1 + sums)
    expected = -0.5 * (0.9 * share.log() + 0.1 * (1 - share).log()).mean()
    assert smoothed["real"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_historical_averaging_pulls_both_players_to_where_they_have_been() -> None:
    system, batch = built(historical_averaging=0.5), batch_of()
    for number, name in enumerate(("discriminator", "generator")):
        network = system.networks[name]
        start = [parameter.detach().clone() for parameter in network.parameters()]
        first = loss_of(system, number, batch).terms
        assert first["historical_averaging"].item() == 0
        with torch.no_grad():
            for parameter in network.parameters():
                parameter += 0.2
        second = loss_of(system, number, batch).terms
        # The mean of both times is halfway, 0.1 from where it is now.
        count = sum(parameter.numel() for parameter in start)
        expected = 0.5 * count * 0.1**2
        assert second["historical_averaging"].item() == pytest.approx(expected, rel=1e-3)
    assert {"discriminator_history", "generator_history"} <= set(system.networks)


@pytest.mark.parametrize(
    ("name", "epoch_iterations", "points"),
    [
        # Salimans et al., code: lr · min(3 - epoch / 400, 1), and / 300 for SVHN
        ("improved-gan-cifar10-4000", 500, {0: 1.0, 800: 1.0, 900: 0.75, 1000: 0.5, 1199: 1 / 400}),
        ("improved-gan-svhn-1000", 732, {0: 1.0, 600: 1.0, 750: 0.5, 899: 1 / 300}),
    ],
)
def test_learning_rates_of_the_convolutional_recipes(
    name: str, epoch_iterations: int, points: dict[int, float]
) -> None:
    values = validated_settings(ImprovedGanSettings, load_recipe(name).settings)
    for phase in build(values).phases:
        assert phase.optimizer is not None
        factor = phase.optimizer.learning_rate_factor
        assert phase.optimizer.learning_rate == 3e-4
        assert factor is not None
        for epoch, expected in points.items():
            assert factor(epoch * epoch_iterations) == pytest.approx(expected, abs=1e-5)


ABLATIONS = {
    "": {},
    "-minibatch": {"discriminator.minibatch": "code"},
    "-adversarial": {"generator_loss": "non_saturating"},
    "-adversarial-minibatch": {
        "generator_loss": "non_saturating",
        "discriminator.minibatch": "code",
    },
    "-absolute": {"generator_loss": "absolute_feature_matching"},
    "-smoothing": {"real_target": 0.9},
    "-historical": {"historical_averaging": 0.001},
    "-virtual": {"generator.normalization": "virtual"},
    "-no-noise": {"discriminator.input_noise": 0.0, "discriminator.noise": 0.0},
    "-plain-weights": {
        "begins_by_data": False,
        "discriminator.weights": "plain",
        "discriminator.weight_deviation": 0.05,
    },
    "-no-data-start": {"begins_by_data": False},
    "-no-average": {"average_decay": 0.0},
    "-labels-alone": {"unlabelled_weight": 0.0},
}


@pytest.mark.parametrize("suffix", ABLATIONS)
def test_an_ablation_changes_its_technique_and_nothing_else(suffix: str) -> None:
    whole = flat(load_recipe("improved-gan-mnist-100").settings)
    name = f"improved-gan-mnist-ablation{suffix}"
    found = flat(load_recipe(name).settings)
    shorter = {"iterations": 12_000, "average_decay": 0.999}
    assert found == {**whole, **shorter, **ABLATIONS[suffix]}
    build(validated_settings(ImprovedGanSettings, load_recipe(name).settings))


def flat(settings: Any) -> dict[str, Any]:
    found = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            found |= {f"{name}.{key}": below for key, below in value.items()}
        else:
            found[name] = value
    return found


def test_the_svhn_recipe_takes_its_mat_files(tmp_path: Path) -> None:
    """``train_32x32.mat`` as its makers write it, small: label 10 is the digit 0."""
    random = np.random.default_rng(0)
    labels = np.arange(60) % 10 + 1
    for part in ("train", "test"):
        write_mat(
            tmp_path / f"{part}_32x32.mat",
            random.integers(0, 256, (60, 32, 32, 3), np.uint8),
            labels,
        )
    recipe = load_recipe("improved-gan-svhn-1000")
    few: dict[str, Any] = {"labels": 20, "batch_size": 10, "images": {"validation_count": 20}}
    data = open_data(
        validated_settings(ImprovedGanSettings, merged(recipe.settings, few)), tmp_path
    )
    train: Any = data.train
    assert len(train) == 60  # all of the part train, the held-out 20 too
    batch = train.__getitems__([(0, position) for position in range(20)])
    assert sorted(batch["label"].tolist()) == sorted([*range(10)] * 2)
    assert batch["labelled_image"].shape == (20, 3, 32, 32)
    row = int(train.labelled.rows[0])
    assert train.labelled.packed.labels[row] == labels[row] % 10
    assert data.class_names == tuple("0123456789")


def test_labels_are_drawn_by_the_seed_of_the_run_unless_told_otherwise(tmp_path: Path) -> None:
    path = pictures(tmp_path / "d.npz")

    def shown(**values: int) -> list[int]:
        train: Any = open_data(chosen(labels=9, **values), path).train
        return sorted(int(row) for row in train.labelled.rows)

    assert shown(seed=1) == shown(seed=1, labels_seed=1) == shown(seed=5, labels_seed=1)
    assert shown(seed=1) != shown(seed=2)
