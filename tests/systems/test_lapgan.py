"""The system ``lapgan``: what each level learns, the gate, measures, levels trained apart."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

import predictor
from predictor.cli import app
from predictor.errors import DivergenceError, SettingsError
from predictor.model_files import find_companion
from predictor.pyramid import laplacian_pyramid
from predictor.systems import SYSTEMS
from predictor.systems.lapgan import GateSettings, LapganSettings, build
from predictor.systems.lapgan_reports import detail_scores
from predictor.systems.phases import VARIANCE_SHARE
from predictor.systems.settings import OptimizerSettings
from predictor.training.checkpoint import checkpoints_newest_first, read_checkpoint
from predictor.training.distributed import Ranks
from predictor.training.hardware import hardware_for
from predictor.training.iteration import run_iteration
from predictor.training.loop import train
from predictor.training.result import trained_networks
from predictor.training.run import Run
from predictor.training.settings import validated_settings
from predictor.training.starting_state import built_state
from predictor.training.stream import BatchStream
from predictor.weights import load_network, read_metadata

SMALL: dict[str, Any] = {
    "sizes": [4, 6, 12],
    "images": {"size": [12, 12], "short_side": None, "crop": "centre", "channels": 3},
    "coarsest_generator": {"hidden": [6, 5], "latent": 4},
    "coarsest_discriminator": {"hidden": [5, 4]},
    "finer_generator": {"planes": [4, 3]},
    "finer_discriminator": {"planes": 8, "kernel": 2},
    "iterations": 2,
    "batch_size": 4,
    "validation_samples": 6,
    "nearest_images": 2,
    "nearest_samples": 3,
    "device": "cpu",
    "precision": "fp32",
    "workers": 0,
    "threads": 1,
}


def settings(**values: Any) -> LapganSettings:
    return validated_settings(LapganSettings, {**SMALL, **values})


def data(folder: Path) -> Path:
    path = folder / "pictures.npz"
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (30, 12, 12, 3), np.uint8)
    np.savez(path, x_train=images, y_train=np.arange(30) % 3)
    return path


class Recorder(nn.Module):
    """A discriminator that keeps what it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[Tensor | None, ...]] = []
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, *inputs: Tensor | None) -> Tensor:
        self.seen.append(inputs)
        first = inputs[0]
        assert first is not None
        return first.flatten(1).sum(1, keepdim=True) * self.weight


def shown(chosen: LapganSettings, size: int) -> tuple[Recorder, dict[str, Tensor], Any]:
    torch.manual_seed(0)
    system = build(chosen)
    judge = Recorder()
    networks = {**system.networks, f"discriminator-{size}": judge}
    batch = {"image": torch.rand(4, 3, 12, 12) * 2 - 1, "label": torch.arange(4) % 3}
    pair = [p for p in system.phases if p.name.endswith(f"-{size}")]
    losses = [phase.loss(networks, batch, {}) for phase in pair]
    return judge, batch, losses


def test_a_level_sees_real_details_for_half_and_its_own_for_the_other() -> None:
    judge, batch, _ = shown(settings(classes=3, units="signed"), 12)
    sizes = [(4, 4), (6, 6), (12, 12)]
    _, details = laplacian_pyramid(batch["image"], sizes)
    look, detail = details[1]
    (real, real_look, real_labels), (fake, fake_look, fake_labels), whole = judge.seen
    assert real is not None
    assert fake is not None
    assert real_labels is not None
    assert torch.allclose(real, detail[0::2])
    assert torch.equal(real_look, look[0::2])  # type: ignore[arg-type] # not None
    assert torch.equal(fake_look, look[1::2])  # type: ignore[arg-type] # not None
    assert not torch.allclose(fake, detail[1::2], atol=1e-3)
    assert not fake.requires_grad
    assert (real_labels.tolist(), fake_labels.tolist()) == ([0, 2], [1, 0])  # type: ignore[union-attr] # not None
    assert len(whole[0]) == 4  # type: ignore[arg-type] # not None
    assert build(settings()).share_multiple == 2
    assert whole[0].requires_grad  # type: ignore[union-attr] # not None


class Looks(nn.Module):
    """A generator whose detail is the coarse look, and the label."""

    latent_width, distribution = 1, "uniform"

    def forward(self, latents: Tensor, coarse: Tensor, labels: Tensor) -> Tensor:
        return coarse + labels[:, None, None, None]


def test_a_detail_is_judged_with_the_look_and_label_that_it_was_generated_for() -> None:
    chosen = settings(classes=3, units="signed", level=12)
    judge = Recorder()
    networks = {**build(chosen).networks, "discriminator-12": judge, "generator-12": Looks()}
    batch = {"image": torch.rand(4, 3, 12, 12) * 2 - 1, "label": torch.tensor([0, 1, 2, 2])}
    for phase in build(chosen).phases:
        phase.loss(networks, batch, {})
    for made, look, labels in (judge.seen[1], judge.seen[2]):
        assert torch.equal(made, look + labels[:, None, None, None])  # type: ignore[operator,index,arg-type] # not None


def test_coarsest_level_is_a_plain_pair() -> None:
    judge, batch, _ = shown(settings(units="signed"), 4)
    coarsest, _ = laplacian_pyramid(batch["image"], [(4, 4), (6, 6), (12, 12)])
    (real, labels), *_ = judge.seen
    assert torch.allclose(real, coarsest[0::2])  # type: ignore[arg-type] # not None
    assert labels is None


@pytest.mark.parametrize("size", [4, 12])
def test_losses_where_the_discriminator_knows_nothing(size: int) -> None:
    _, _, (discriminator, generator) = shown(settings(), size)
    assert sum(term.item() for term in discriminator.terms.values()) == pytest.approx(math.log(2))
    assert generator.terms["adversarial"].item() == pytest.approx(math.log(2))


@pytest.mark.parametrize(
    ("fake", "real", "discriminator", "generator"),
    [
        (1.0, 0.6, True, False),
        (0.7, 0.6, False, True),
        (0.5, 0.8, True, True),
        (1.2, 0.8, True, False),
    ],
)
def test_gate_of_the_code_for_lsun(
    fake: float, real: float, discriminator: bool, generator: bool
) -> None:
    gate = GateSettings()
    assert gate.trains_discriminator(fake, real) is discriminator
    assert gate.trains_generator(fake, real) is generator


def test_another_network_does_not_inherit_the_options_of_the_default_one() -> None:
    with pytest.raises(SettingsError) as raised:
        settings(coarsest_generator={"network": "labelled-generator"})
    assert "initialization" not in str(raised.value)


def test_another_optimizer_does_not_inherit_the_options_of_the_default_one() -> None:
    chosen = settings(generator_optimizer={"kind": "adam", "learning_rate": 2e-4})
    assert chosen.generator_optimizer == OptimizerSettings(kind="adam", learning_rate=2e-4)
    assert chosen.discriminator_optimizer.momentum == 0.5
    changed = settings(generator_optimizer={"momentum": 0.25}).generator_optimizer
    assert (changed.kind, changed.momentum, changed.final_momentum) == ("sgd", 0.25, 0.8)


def test_a_gate_that_measures_nothing_finite_stops_the_run(tmp_path: Path) -> None:
    """Neither network is trained then, so none of theirs would notice."""
    chosen = settings(gate={}, level=12)
    run = Run(tmp_path, "lapgan", SYSTEMS["lapgan"], chosen, data(tmp_path))
    hardware = hardware_for(chosen)
    state = built_state(run, hardware)
    examples = SYSTEMS["lapgan"].open_data(chosen, data(tmp_path)).train
    stream = BatchStream(examples, chosen, hardware, Ranks())
    with torch.no_grad():
        for weight in state.system.networks["discriminator-12"].parameters():
            weight.mul_(1e30)
    with pytest.raises(DivergenceError, match=r"'gate-12' diverged in iteration 1: what it meas"):
        run_iteration(state, stream.draw, 0, hardware)


def test_gate_decides_by_the_errors_on_the_batch(tmp_path: Path) -> None:
    chosen = settings(gate={"margin": 0.3}, level=12)
    run = Run(tmp_path, "lapgan", SYSTEMS["lapgan"], chosen, data(tmp_path))
    hardware = hardware_for(chosen)
    state = built_state(run, hardware)
    examples = SYSTEMS["lapgan"].open_data(chosen, data(tmp_path)).train
    stream = BatchStream(examples, chosen, hardware, Ranks())

    def updated() -> list[str]:
        before = {k: v.clone() for k, v in state.tensors().items() if k.startswith("networks/")}
        run_iteration(state, stream.draw, 0, hardware)
        after = state.tensors()
        return sorted({k.split("/")[1] for k, v in before.items() if not torch.equal(v, after[k])})

    assert updated() == ["generator-12"]  # both err by about ln 2
    assert stream.drawn == 2  # the discriminator's phase would have used the gate's batch
    judge = state.system.networks["discriminator-12"]
    with torch.no_grad():
        judge.layers[-1].weight.zero_()  # type: ignore[index,union-attr] # a Sequential
        judge.layers[-1].bias.fill_(0.5)  # type: ignore[index,union-attr] # real .47, fake .97
    assert updated() == ["discriminator-12"]
    assert stream.drawn == 3
    with torch.no_grad():
        judge.layers[-1].weight.zero_()  # type: ignore[index,union-attr] # a Sequential
        judge.layers[-1].bias.fill_(-0.5)  # type: ignore[index,union-attr] # real .97, fake .47
    assert updated() == ["discriminator-12", "generator-12"]
    assert not any(key.startswith("optimizers/gate") for key in state.tensors())


def test_detail_scores() -> None:
    detail = torch.zeros(2, 1, 2, 2)
    made = torch.stack([torch.full((2, 1, 2, 2), value) for value in (3.0, -1.0, 2.0)], dim=1)
    nearest, likelihood = detail_scores(detail, made)
    assert nearest == pytest.approx(2.0)  # |-1| over four pixels
    expected = [
        math.log(sum(math.exp(-4 * v * v / (2 * s * s)) for v in (3, -1, 2)) / 3)
        - 4 * math.log(s * math.sqrt(2 * math.pi))
        for s in [10 ** (-1 + k / 9) for k in range(10)]
    ]
    assert likelihood == pytest.approx(max(expected), abs=1e-6)


def test_levels_trained_apart_are_put_together(tmp_path: Path) -> None:
    run = CliRunner().invoke
    folder, models = tmp_path / "runs", tmp_path / "models"
    source = str(data(tmp_path))
    values = []
    for key, value in SMALL.items():
        for name, inner in value.items() if isinstance(value, dict) else [("", value)]:
            if inner is not None:
                values += ["--set", f"{key}{'.' * bool(name)}{name}={json.dumps(inner)}"]
    values += ["--set", "images.short_side=12"]
    for size in (4, 6, 12):
        arguments = ["train", "lapgan", source, "-o", str(folder / str(size)), "--level", str(size)]
        done = run(app, [*arguments, *values])
        assert done.exit_code == 0, done.output
        assert f"export {folder / str(size)} --with RUN_OF_ANOTHER_LEVEL -o" in done.output
    assert (folder / "12/previews/iteration-000002/level-12.png").exists()
    export = ["export", str(folder / "12"), "-o", str(models / "mine")]
    refused = run(app, [*export, "--with", str(folder / "4")])
    assert isinstance(refused.exception, SettingsError)
    assert "level 6 of (4, 6, 12) is in none of the runs" in str(refused.exception)
    assert not models.exists()
    done = run(app, [*export, "--with", str(folder / "4"), "--with", str(folder / "6")])
    assert done.exit_code == 0, done.output
    network, metadata = load_network(models / "mine" / "mine.safetensors")
    assert (metadata.network, metadata.task) == ("laplacian-generator", "lapgan")
    judge = read_metadata(find_companion(models / "mine" / "mine.safetensors", "discriminator"))
    assert (metadata.short_side, judge.short_side) == (12, 12)
    card = (models / "mine" / "README.md").read_text()
    assert "| pictures | shorter side resized to 12, the middle cut out |" in card
    assert "| iterations | 2 of 2, 2 of 2, 2 of 2 |" in card
    scores = metadata.provenance.scores
    assert {"validation_nearest_l2_6", "validation_nearest_l2_12"} <= scores.keys()
    assert any("parzen" in name for name in scores)
    for number, size in ((0, 6), (1, 12)):
        trained = read_checkpoint(folder / str(size) / "checkpoints/best.safetensors").tensors
        level: Any = network.finer[number]  # type: ignore[index] # a ModuleList
        for key, tensor in level.state_dict().items():
            expected = trained[f"networks/generator-{size}/{key}"].half().float()
            assert torch.equal(tensor, expected)
    pixels = read_checkpoint(folder / "12/checkpoints/best.safetensors").tensors
    assert torch.allclose(network.units.mean, pixels["networks/pixels/mean"], atol=1e-3)  # type: ignore[union-attr,arg-type] # a buffer
    assert network.units.mean.abs().max() > 0  # type: ignore[union-attr,operator] # a buffer
    pictures = predictor.load(models / "mine").sampled(3)
    assert pictures.shape == (3, 3, 12, 12)
    assert (models / "mine" / "mine.discriminator.safetensors").exists()


def test_a_run_of_all_levels_measures_and_shows_the_chain(tmp_path: Path) -> None:
    chosen = settings(classes=3, validate_every=2, preview_every=2)
    train(tmp_path / "run", "lapgan", SYSTEMS["lapgan"], chosen, data(tmp_path))
    lines = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    (measured,) = [json.loads(line) for line in lines[1:] if "validation" in line]
    assert {key.removeprefix("validation/") for key in measured} >= {
        "parzen_nats",
        "multiscale_parzen_nats",
        "nearest_l2_6",
        "nearest_l2_12",
    }
    names = {path.name for path in (tmp_path / "run/previews/iteration-000002").iterdir()}
    assert names == {"samples.png", "level-6.png", "level-12.png"}


def test_levels_of_networks_of_their_own_are_put_together(tmp_path: Path) -> None:
    source = data(tmp_path)
    trained: dict[int, dict[str, Any]] = {
        12: {},
        6: {"finer_generator": {"planes": [5, 3]}},
        4: {"coarsest_generator": {}},
    }
    for size, values in trained.items():
        chosen = settings(level=size, **values)
        train(tmp_path / str(size), "lapgan", SYSTEMS["lapgan"], chosen, source)
    coarser = [tmp_path / "4", tmp_path / "6"]
    networks, _, record = trained_networks(tmp_path / "12", SYSTEMS, beside=coarser)
    generator: Any = networks["generator"]
    assert [level.config.planes for level in generator.finer] == [(5, 3), (4, 3)]
    assert generator.config.coarsest.hidden == (1200, 1200)
    last = [
        read_checkpoint(checkpoints_newest_first(tmp_path / str(size) / "checkpoints")[0]).record
        for size in trained
    ]
    assert record["training_time_s"] == pytest.approx(sum(r["training_time_s"] for r in last))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"sizes": [5, 6, 12], "level": 6}, r"sizes of .*a is \(4, 6, 12\), of .*b \(5, 6, 12\)"),
        ({"level": 6, "units": "signed"}, "units of .*a is standardized, of .*b signed"),
        ({"level": 6, "classes": 3}, "classes of .*a is None, of .*b 3"),
        ({}, "discriminator-12 was trained in .*a and in .*b: expected one run of each level"),
    ],
)
def test_runs_that_do_not_belong_together_are_not_put_together(
    values: dict[str, Any], said: str, tmp_path: Path
) -> None:
    source = data(tmp_path)
    train(tmp_path / "a", "lapgan", SYSTEMS["lapgan"], settings(level=12), source)
    train(tmp_path / "b", "lapgan", SYSTEMS["lapgan"], settings(**values), source)
    with pytest.raises(SettingsError, match=said):
        trained_networks(tmp_path / "a", SYSTEMS, beside=[tmp_path / "b"])


def test_runs_on_other_classes_are_not_put_together(tmp_path: Path) -> None:
    for run, names in {"a": "pq", "b": "pr"}.items():
        for number, name in enumerate(names * 4):
            path = tmp_path / f"of {run}" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), np.full((12, 12, 3), number, np.uint8))
        chosen = settings(level={"a": 12, "b": 6}[run], classes=2, batch_size=2)
        train(tmp_path / run, "lapgan", SYSTEMS["lapgan"], chosen, tmp_path / f"of {run}")
    with pytest.raises(SettingsError, match=r"classes of the data .* \['p', 'q'\], of .*'r'"):
        trained_networks(tmp_path / "a", SYSTEMS, beside=[tmp_path / "b"])


def test_runs_on_other_pictures_are_not_put_together(tmp_path: Path) -> None:
    for run, level in {"a": 12, "b": 6}.items():
        random = np.random.default_rng(0)
        for number in range(8):
            path = tmp_path / f"of {run}" / f"{number}.png"
            path.parent.mkdir(exist_ok=True)
            brightest = {"a": 256, "b": 32}[run]
            cv2.imwrite(str(path), random.integers(0, brightest, (12, 12, 3), np.uint8))
        chosen = settings(level=level, batch_size=2)
        train(tmp_path / run, "lapgan", SYSTEMS["lapgan"], chosen, tmp_path / f"of {run}")
    for run, other in ("ab", "ba"):
        with pytest.raises(SettingsError, match="trained on other pictures: their pixels differ"):
            trained_networks(tmp_path / run, SYSTEMS, beside=[tmp_path / other])


def test_runs_of_another_kind_are_not_put_together(tmp_path: Path) -> None:
    source = data(tmp_path)
    train(tmp_path / "a", "lapgan", SYSTEMS["lapgan"], settings(level=12), source)
    train(tmp_path / "c", "lapgan", SYSTEMS["lapgan"], settings(level=4), source)
    renamed = {**SYSTEMS, "gan": SYSTEMS["lapgan"]}
    told = json.loads((tmp_path / "c/run.json").read_text())
    (tmp_path / "c/run.json").write_text(json.dumps({**told, "system": "gan"}))
    with pytest.raises(SettingsError, match="is of the system 'gan'"):
        trained_networks(tmp_path / "a", renamed, beside=[tmp_path / "c"])
    whole = {"lapgan": replace(SYSTEMS["lapgan"], build=lambda s: replace(build(s), assemble=None))}
    with pytest.raises(SettingsError, match="which is trained in one run"):
        trained_networks(tmp_path / "a", whole, beside=[tmp_path / "c"])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"sizes": [6, 4, 12]}, "expected them to increase"),
        ({"sizes": [4, 6]}, "the finest of sizes is 6"),
        ({"level": 5}, r"level is 5, expected one of sizes \(4, 6, 12\)"),
        ({"blurred": True}, "expected each twice the one before"),
        ({"batch_size": 3}, "expected an even one"),
        ({"finer_generator": {"classes": 2}}, "detail-generator.classes is set, but follows from"),
        ({"finer_discriminator": {"kernel": 5}}, "too small for two convolutions"),
    ],
)
def test_settings_that_cannot_work(values: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        settings(**values)


@pytest.mark.parametrize(("deviation", "is_one_picture"), [(0.0, True), (1.0, False)])
def test_the_coarsest_level_alone_tells_how_varied_it_is(
    tmp_path: Path, deviation: float, is_one_picture: bool
) -> None:
    chosen = settings(classes=3, level=4)
    system = build(chosen)
    for name, weight in system.networks["generator-4"].named_parameters():
        if name == "last.weight":
            nn.init.normal_(weight, std=deviation)
    opened = SYSTEMS["lapgan"].open_data(chosen, data(tmp_path))
    measured = system.validate(system.networks, opened.validation)
    assert (measured[VARIANCE_SHARE] == 0) is is_one_picture


def test_the_average_of_each_generator_is_what_is_released(tmp_path: Path) -> None:
    chosen = settings(average_decay=0.5, iterations=3)
    train(tmp_path / "run", "lapgan", SYSTEMS["lapgan"], chosen, data(tmp_path))
    (newest, *_) = checkpoints_newest_first(tmp_path / "run/checkpoints")
    stored = read_checkpoint(newest).tensors
    released = trained_networks(tmp_path / "run", SYSTEMS, best=False)[0]["generator"]
    parts, moved = {"coarsest": 4, "finer.0": 6, "finer.1": 12}, []
    for name, value in released.named_parameters():
        part = next(part for part in parts if name.startswith(f"{part}."))
        key = f"generator-{parts[part]}/{name.removeprefix(f'{part}.')}"
        assert torch.equal(value, stored[f"averages/{key}"])
        moved += [not torch.equal(value, stored[f"networks/{key}"])]
    assert sum(moved) > len(moved) / 2


def test_levels_of_other_seeds_are_put_together(tmp_path: Path) -> None:
    source = tmp_path / "pictures.npz"
    images = np.random.default_rng(0).integers(0, 256, (30, 15, 15, 3), np.uint8)
    np.savez(source, x_train=images)
    cut = {"images": {**SMALL["images"], "short_side": 15, "crop": "random"}}
    for seed, level in enumerate((4, 6, 12)):
        chosen = settings(**cut, level=level, seed=seed)
        train(tmp_path / str(level), "lapgan", SYSTEMS["lapgan"], chosen, source)
    networks, *_ = trained_networks(
        tmp_path / "12", SYSTEMS, beside=[tmp_path / "4", tmp_path / "6"]
    )
    assert list(networks) == ["generator", "discriminator"]
