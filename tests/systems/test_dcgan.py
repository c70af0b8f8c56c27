"""The system ``dcgan``: its losses and orders of updates, and what its settings refuse."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from scipy.io import savemat
from torch import Tensor, nn
from torch.nn import functional

from predictor.errors import SettingsError, UnusableData
from predictor.networks.pixel_units import PixelUnits
from predictor.systems.dcgan import DcganSettings, build, open_data
from predictor.systems.image_reports import FRECHET, frechet_validation
from predictor.systems.phases import System
from predictor.training.hardware import hardware_for
from predictor.training.iteration import run_iteration
from predictor.training.settings import merged, validated_settings
from predictor.training.state import TrainingState

TINY: dict[str, Any] = {
    "batch_size": 4,
    "iterations": 4,
    "generator": {"latent": 3, "maps": [6, 4], "network": "dcgan"},
    "discriminator": {"maps": [4, 6], "network": "dcgan-discriminator"},
    "images": {"size": [8, 8]},
    "device": "cpu",
    "precision": "fp32",
}


def settings(**changes: Any) -> DcganSettings:
    return validated_settings(DcganSettings, merged(TINY, changes))


def batch() -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(0)
    images = torch.rand(4, 3, 8, 8, generator=random) * 2 - 1
    return {"image": images}


def system_of(chosen: DcganSettings) -> System:
    torch.manual_seed(0)
    return build(chosen)


def run_phase(system: System, name: str, earlier: dict[str, Tensor] | None = None) -> Any:
    (phase,) = (phase for phase in system.phases if phase.name == name)
    return phase.loss(system.networks, batch(), earlier or {})


def test_a_discriminator_that_knows_nothing_costs_two_logarithms_of_two() -> None:
    system = system_of(settings())
    last: Any = system.networks["discriminator"].last
    nn.init.zeros_(last.weight)
    terms = run_phase(system, "discriminator").terms
    assert {name: value.item() for name, value in terms.items()} == pytest.approx(
        {"real": math.log(2), "fake": math.log(2)}
    )
    terms = run_phase(system, "generator").terms
    assert terms["adversarial"].item() == pytest.approx(math.log(2))


def test_real_and_made_images_are_judged_apart() -> None:
    system = system_of(settings())
    seen: list[Tensor] = []
    system.networks["discriminator"].register_forward_pre_hook(
        lambda _, given: seen.append(given[0])
    )
    run_phase(system, "discriminator")
    real, made = seen
    assert torch.equal(real, batch()["image"])
    assert made.shape == real.shape
    assert not made.requires_grad


def changed_by(schedule: str, iterations: int) -> list[set[str]]:
    """Return which networks each iteration changes."""
    chosen = settings(schedule=schedule)
    state = TrainingState(system_of(chosen), hardware_for(chosen))
    found = []
    for _ in range(iterations):
        before = {
            name: [value.detach().clone() for value in network.parameters()]
            for name, network in state.system.networks.items()
        }
        run_iteration(state, batch, 0, hardware_for(chosen))
        found.append(
            {
                name
                for name, network in state.system.networks.items()
                if not all(map(torch.equal, before[name], network.parameters()))
            }
        )
    return found


def test_schedules_of_updates() -> None:
    both = {"generator", "discriminator"}
    assert changed_by("alternating", 2) == [both, both]
    assert changed_by("simultaneous", 1) == [both]
    assert changed_by("odd_even", 4) == [{"generator"}, {"discriminator"}] * 2


def test_a_stale_discriminator_is_that_before_its_update_on_the_same_latents() -> None:
    """One iteration moves the generator along the gradient that the fresh networks have."""
    chosen = settings(
        schedule="simultaneous",
        generator_optimizer={"kind": "sgd", "learning_rate": 1.0, "final_learning_rate": 1.0},
        discriminator_optimizer={"kind": "sgd", "learning_rate": 1.0, "final_learning_rate": 1.0},
    )
    state = TrainingState(system_of(chosen), hardware_for(chosen))
    latents: list[Tensor] = []
    generator = state.system.networks["generator"]
    generator.register_forward_pre_hook(lambda _, given: latents.append(given[0].clone()))
    before = {name: value.detach().clone() for name, value in generator.named_parameters()}
    run_iteration(state, batch, 0, hardware_for(chosen))
    assert len(latents) == 2
    assert torch.equal(*latents)

    fresh = system_of(chosen)
    loss = run_phase(fresh, "generator", {"latents": latents[0]}).terms["adversarial"]
    twin = fresh.networks["generator"]
    gradients = torch.autograd.grad(loss, list(twin.parameters()))
    for (name, value), gradient in zip(generator.named_parameters(), gradients, strict=True):
        torch.testing.assert_close(value, before[name] - gradient, atol=1e-5, rtol=1e-4)


def test_updates_in_turn_use_latents_of_their_own() -> None:
    system = system_of(settings())
    latents: list[Tensor] = []
    system.networks["generator"].register_forward_pre_hook(
        lambda _, given: latents.append(given[0])
    )
    outputs = run_phase(system, "discriminator").outputs
    run_phase(system, "generator", dict(outputs))
    assert not torch.equal(*latents)
    assert latents[0].abs().max() <= 1


def test_networks_follow_the_images_where_they_do_not_say_else() -> None:
    chosen = validated_settings(DcganSettings, {"images": {"size": [32, 48], "channels": 1}})
    generator, discriminator = chosen.generator.config(), chosen.discriminator.config()
    assert (generator.size, generator.channels) == ((32, 48), 1)
    assert generator.maps == discriminator.maps[::-1] == (512, 256, 128)
    assert validated_settings(DcganSettings, chosen.model_dump()) == chosen
    partly = {"images": {"size": [32, 32]}, "generator": {"kernel": 3}}
    generator = validated_settings(DcganSettings, partly).generator.config()
    assert (generator.kernel, generator.maps) == (3, (512, 256, 128))
    usual = validated_settings(DcganSettings, {})
    assert usual.generator.config().maps == (1024, 512, 256, 128)
    assert settings().discriminator.config().maps == (4, 6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"generator": {"size": [16, 16]}},
            r"generator.size is \(16, 16\), images.size is \(8, 8\)",
        ),
        ({"discriminator": {"channels": 1}}, "discriminator.channels is 1, images.channels is 3"),
        ({"images": {"size": [10, 10]}}, "size is 10x10, expected multiples of 4"),
        ({"images": {"size": [8]}}, "images.size"),
        ({"generator": {"network": "patch-discriminators"}}, "patch-discriminators has no"),
        ({"schedule": "sometimes"}, "schedule="),
    ],
)
def test_settings_that_do_not_fit(changes: dict[str, Any], message: str) -> None:
    values = dict(TINY)
    if "network" in changes.get("generator", {}):
        values["generator"] = {}
    with pytest.raises(SettingsError, match=message):
        validated_settings(DcganSettings, merged(values, changes))


class Drawn(nn.Module):
    """Makes the next of what it was given, whatever the latents."""

    latent_width, distribution, classes = 3, "uniform", None

    def __init__(self, images: Tensor) -> None:
        super().__init__()
        self.images = images
        self.units = PixelUnits("signed", (3, 8, 8))

    def forward(self, latents: Tensor, labels: None) -> Tensor:
        return self.images[: len(latents)]


def pictures(seed: int, count: int = 40) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, 8, 8, generator=random) * 2 - 1


def test_validation_knows_good_samples_from_bad_ones() -> None:
    batches = [{"image": pictures(0)}]
    scores = {}
    for name, images in {
        "same": pictures(0),
        "other": pictures(1),
        "dark": pictures(1) / 2 - 0.5,
        "one": pictures(1)[:1].expand(40, -1, -1, -1),
    }.items():
        scores[name] = frechet_validation(Drawn(images), batches)
    distances = {name: found[FRECHET] for name, found in scores.items()}
    assert distances["same"] == pytest.approx(0, abs=1e-3)
    assert distances["same"] < distances["other"] < min(distances["dark"], distances["one"])
    assert scores["other"]["made_variance_share"] == pytest.approx(1, abs=0.1)
    assert scores["one"]["made_variance_share"] == 0
    assert frechet_validation(Drawn(pictures(0)), []) == {}


def boxes(seed: int, count: int = 200) -> Tensor:
    """Pictures of three overlapping rectangles each: sharp edges."""
    random = torch.Generator().manual_seed(seed)
    found = torch.empty(count, 3, 16, 16)
    for picture in found:
        picture[:] = torch.rand(3, 1, 1, generator=random)
        for _ in range(3):
            top, left, height, width = torch.randint(2, 11, (4,), generator=random).tolist()
            colour = torch.rand(3, 1, 1, generator=random)
            picture[:, top : top + height, left : left + width] = colour
    return found * 2 - 1


def test_validation_prefers_pale_pictures_to_smudges_of_the_right_contrast() -> None:
    smudges = functional.avg_pool2d(boxes(1), 5, stride=1, padding=2, count_include_pad=False)
    smudges = (smudges * boxes(1).std() / smudges.std()).clamp(-1, 1)
    batches = [{"image": boxes(0)}]
    pale, smudged = (
        frechet_validation(Drawn(images), batches)[FRECHET] for images in (0.7 * boxes(1), smudges)
    )
    assert pale < smudged


def test_previews_show_the_same_latents_each_time(tmp_path: Path) -> None:
    system = system_of(settings())
    networks = {name: network.eval() for name, network in system.networks.items()}
    sheets = []
    for seed in range(2):
        torch.manual_seed(seed)
        system.preview(networks, batch(), tmp_path)
        sheets.append(cv2.imread(str(tmp_path / "samples.png")))
    assert sheets[0].shape == (10 * 10 + 2, 10 * 10 + 2, 3)
    assert np.array_equal(*sheets)


def mat_files(folder: Path, count: int = 40) -> Path:
    """Write files as those of SVHN: digits 1 to 10, of which 10 is a nought."""
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    labels = np.arange(40) % 10 + 1
    for part, number in (("train", count), ("test", 10)):
        images = random.integers(0, 256, (8, 8, 3, number), np.uint8)
        savemat(folder / f"{part}_32x32.mat", {"X": images, "y": labels[:number, None]})
    return folder


def test_the_files_of_svhn_are_trained_on(tmp_path: Path) -> None:
    folder = mat_files(tmp_path / "svhn")
    data = open_data(settings(), folder, tmp_path)
    (held_out,) = data.validation
    assert len(data.train) == 36
    assert held_out["image"].shape == (4, 3, 8, 8)
    example = data.train[(0, 0)]
    assert example["image"].shape == (3, 8, 8)
    labels = {int(data.train[(0, number)]["label"]) for number in range(36)}
    assert labels <= set(range(10))
    state = TrainingState(system_of(settings()), hardware_for(settings()))
    run_iteration(
        state,
        lambda: torch.utils.data.default_collate([data.train[(0, n)] for n in range(4)]),
        0,
        hardware_for(settings()),
    )
    assert all(bool(loss.isfinite()) for loss in state.losses.values())


def test_data_that_do_not_suffice_are_named(tmp_path: Path) -> None:
    few = mat_files(tmp_path / "few", count=3)
    with pytest.raises(UnusableData, match=r"few has 2 pictures to train on, fewer than a batch"):
        open_data(settings(), few)


def test_near_duplicates_are_left_out_once_and_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 3), np.uint8)
    path, run = tmp_path / "twice.npz", tmp_path / "run"
    run.mkdir()
    np.savez(path, images=np.concatenate([pictures, pictures]))
    monkeypatch.setattr("predictor.analysis.duplicates.STEPS", 100)
    everything = open_data(settings(), path, run).train
    chosen = settings(remove_duplicates=True)
    train = open_data(chosen, path, run).train
    found = {train[(0, number)]["image"].numpy().tobytes() for number in range(len(train))}
    wanted = {
        everything[(0, number)]["image"].numpy().tobytes() for number in range(len(everything))
    }
    assert found == wanted
    assert len(train) == len(wanted) < len(everything)

    def fails(*arguments: object, **options: object) -> None:
        raise AssertionError("looked for twice")

    monkeypatch.setattr("predictor.systems.dcgan.first_of_each", fails)
    again: Any = open_data(chosen, path, run).train
    assert again.rows.tolist() == train.rows.tolist()  # type: ignore[attr-defined] # its rows
    with pytest.raises(AssertionError, match="looked for twice"):  # others are held out
        open_data(settings(remove_duplicates=True, images={"validation_share": 0.4}), path, run)
    np.savez(path, images=pictures)
    with pytest.raises(AssertionError, match="looked for twice"):
        open_data(chosen, path, run)


def test_learning_rates_stay_as_in_the_paper() -> None:
    for phase in build(settings()).phases:
        optimizer = phase.optimizer
        assert (optimizer.kind, optimizer.learning_rate, optimizer.betas) == (
            "adam",
            2e-4,
            (0.5, 0.999),
        )
        assert optimizer.learning_rate_factor is not None
        assert [optimizer.learning_rate_factor(n) for n in (0, 3)] == [1, 1]
        assert replace(optimizer, learning_rate=1.0).weight_decay == 0
