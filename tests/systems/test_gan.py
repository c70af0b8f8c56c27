"""The system ``gan``: the theory of the paper, the losses of its code, the schedules."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from predictor.errors import SettingsError, UnusableData
from predictor.losses import fake_loss, real_loss
from predictor.recipes import load_recipe
from predictor.systems import SYSTEMS
from predictor.systems.conditional_gan import ConditionalGanSettings
from predictor.systems.gan import GanSettings, build, open_data
from predictor.systems.image_reports import parzen_validation, pixel_statistics
from predictor.systems.phases import Batch, PhaseLoss
from predictor.training.checkpoint import read_checkpoint
from predictor.training.loop import train
from predictor.training.settings import validated_settings

REAL = np.array([8, 4, 2, 2])
"""How often each of four points is in the data, of 16."""
FAKE = np.array([1, 3, 4, 8])


def divergence(p: np.ndarray, q: np.ndarray) -> float:
    return float((p * np.log(p / q)).sum())


def value_at(logits: Tensor, real: np.ndarray, fake: np.ndarray) -> Tensor:
    """V(D, G) of a discriminator with these logits on the four points."""
    shown, made = (logits[torch.from_numpy(np.repeat(np.arange(4), n))] for n in (real, fake))
    return -(real_loss(shown) + fake_loss(made))


def test_best_discriminator_is_the_share_of_the_data() -> None:
    """Proposition 1: D*(x) = p_data / (p_data + p_g)."""
    logits = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([logits], max_iter=100, tolerance_grad=1e-12)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = -value_at(logits, REAL, FAKE)
        loss.backward()
        return loss

    optimizer.step(closure)
    expected = torch.from_numpy(REAL / (REAL + FAKE))
    assert torch.allclose(torch.sigmoid(logits.detach()), expected, atol=1e-6)


def test_criterion_is_the_jensen_shannon_divergence() -> None:
    """Theorem 1: C(G) = -ln 4 + KL(p_data‖m) + KL(p_g‖m) = -ln 4 + 2 JSD, least at equality."""
    p, q = REAL / 16, FAKE / 16
    middle = (p + q) / 2
    best = torch.from_numpy(np.log(REAL / FAKE))
    criterion = float(value_at(best, REAL, FAKE))
    jensen_shannon = (divergence(p, middle) + divergence(q, middle)) / 2
    assert criterion == pytest.approx(-math.log(4) + 2 * jensen_shannon, abs=1e-12)
    equal = float(value_at(torch.zeros(4, dtype=torch.float64), REAL, REAL))
    assert equal == pytest.approx(-1.386294, abs=1e-6)
    assert criterion > equal


class Constant(nn.Module):
    """A discriminator that knows nothing; half the probability, logit 0."""

    def forward(self, pictures: Tensor, labels: Tensor | None = None) -> Tensor:
        return pictures.flatten(1).sum(1, keepdim=True) * 0


SMALL: dict[str, Any] = {
    "images": {"size": [4, 4], "channels": 1},
    "generator": {"network": "dense-generator", "latent": 3, "hidden": [5, 5]},
    "discriminator": {"network": "dense-discriminator", "hidden": [4, 4]},
    "batch_size": 6,
    "device": "cpu",
    "precision": "fp32",
    "workers": 0,
    "threads": 1,
}


def settings(**values: Any) -> GanSettings:
    return validated_settings(GanSettings, {**SMALL, **values})


def losses(chosen: GanSettings, batch: Batch | None = None) -> dict[str, PhaseLoss]:
    torch.manual_seed(0)
    system = build(chosen)
    networks = {**system.networks, "discriminator": Constant()}
    batch = batch or {"image": torch.rand(6, 1, 4, 4) * 2 - 1}
    return {phase.name: phase.loss(networks, batch, {}) for phase in system.phases}


@pytest.mark.parametrize(
    ("weight", "loss", "discriminator", "generator"),
    [
        (1.0, "non_saturating", 1.386294, 0.693147),
        (0.5, "non_saturating", 0.693147, 0.693147),
        (1.0, "minimax", 1.386294, -0.693147),
    ],
)
def test_losses_where_the_discriminator_knows_nothing(
    weight: float, loss: str, discriminator: float, generator: float
) -> None:
    found = losses(settings(discriminator_weight=weight, generator_loss=loss))
    terms = found["discriminator"].terms
    assert set(terms) == {"real", "fake"}
    assert float(terms["real"] + terms["fake"]) == pytest.approx(discriminator, abs=1e-6)
    assert found["generator"].terms["adversarial"].item() == pytest.approx(generator, abs=1e-6)


class Recorder(nn.Module):
    """A discriminator that keeps what it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[Tensor, Tensor | None]] = []
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, pictures: Tensor, labels: Tensor | None = None) -> Tensor:
        self.seen.append((pictures, labels))
        return pictures.flatten(1).sum(1, keepdim=True) * self.weight


def recorded(chosen: GanSettings, batch: Batch) -> tuple[Any, Recorder]:
    torch.manual_seed(0)
    system = build(chosen)
    judge = Recorder()
    return {**system.networks, "discriminator": judge}, judge


def test_discriminator_sees_all_or_half_of_a_batch() -> None:
    images = torch.rand(6, 1, 4, 4) * 2 - 1
    batch = {"image": images}
    for shown, rows in (("whole", [0, 1, 2, 3, 4, 5]), ("halves", [0, 2, 4])):
        chosen = settings(shown=shown)
        assert build(chosen).share_multiple == len(images) // len(rows)
        networks, judge = recorded(chosen, batch)
        discriminator, generator = build(chosen).phases
        discriminator.loss(networks, batch, {})
        (real, _), (fake, _) = judge.seen
        assert torch.allclose(real, (images[rows] + 1) / 2)
        assert fake.shape == real.shape
        assert not fake.requires_grad
        generator.loss(networks, batch, {})
        assert len(judge.seen[2][0]) == 6
        assert judge.seen[2][0].requires_grad


def test_labels_of_samples_are_those_of_the_pictures_not_shown() -> None:
    chosen = validated_settings(
        ConditionalGanSettings,
        {
            **SMALL,
            "classes": 6,
            "shown": "halves",
            "generator": {"network": "dense-generator", "latent": 3, "hidden": [5, 5]},
            "discriminator": {"network": "dense-discriminator", "hidden": [4, 4]},
        },
    )
    batch = {"image": torch.rand(6, 1, 4, 4), "label": torch.arange(6)}
    networks, judge = recorded(chosen, batch)
    discriminator, generator = build(chosen).phases
    discriminator.loss(networks, batch, {})
    generator.loss(networks, batch, {})
    labels = [labels.tolist() for _, labels in judge.seen if labels is not None]
    assert labels == [[0, 2, 4], [1, 3, 5], [0, 1, 2, 3, 4, 5]]


def test_simultaneous_updates_share_pictures_and_latents() -> None:
    chosen = settings(schedule="simultaneous")
    system = build(chosen)
    assert system.update == "together"
    batch = {"image": torch.rand(6, 1, 4, 4)}
    networks, judge = recorded(chosen, batch)
    discriminator, generator = system.phases
    assert generator.draws_from == "discriminator"
    outputs = discriminator.loss(networks, batch, {}).outputs
    generator.loss(networks, batch, outputs)
    assert torch.equal(judge.seen[1][0], judge.seen[2][0])
    alternating = build(settings())
    assert (alternating.update, alternating.phases[1].draws_from) == ("in_turn", None)


def test_odd_even_trains_one_network_an_iteration() -> None:
    discriminator, generator = build(settings(schedule="odd_even")).phases
    assert discriminator.when is not None
    assert generator.when is not None
    assert [discriminator.when(i, {}) for i in range(4)] == [False, True, False, True]
    assert [generator.when(i, {}) for i in range(4)] == [True, False, True, False]


def test_steps_of_the_discriminator() -> None:
    assert build(settings(discriminator_steps=3)).phases[0].repeats == 3


class OneByOne:
    """Examples that are read one at a time."""

    def __init__(self, images: torch.Tensor) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, key: tuple[int, int]) -> dict[str, torch.Tensor]:
        assert key[0] == 0
        return {"image": self.images[key[1]]}


class AtOnce(OneByOne):
    """Examples of which whole batches can be read."""

    def __getitems__(self, keys: list[tuple[int, int]]) -> dict[str, torch.Tensor]:
        return {"image": self.images[[number for _, number in keys]]}


@pytest.mark.parametrize("kind", [OneByOne, AtOnce])
def test_pixel_statistics(kind: type[OneByOne]) -> None:
    images = torch.rand(1500, 1, 3, 4) * 2 - 1
    mean, deviation = pixel_statistics(kind(images))
    assert torch.allclose(mean, images.mean(0), atol=1e-6)
    assert torch.allclose(deviation, images.std(0, correction=0), atol=1e-6)


def digits(folder: Path, count: int = 40) -> Path:
    path = folder / "digits.npz"
    random = np.random.default_rng(0)
    np.savez(
        path,
        x_train=random.integers(0, 256, (count, 4, 4), np.uint8),
        y_train=np.arange(count) % 10,
    )
    return path


def test_networks_know_the_data_before_the_first_iteration(tmp_path: Path) -> None:
    data = digits(tmp_path)
    chosen = settings(iterations=1)
    last = train(tmp_path / "run", "gan", SYSTEMS["gan"], chosen, data)
    first = read_checkpoint(last.parent / "iteration-000000.safetensors").tensors
    examples = open_data(chosen, data).train
    shares = (
        torch.stack([examples[(0, k)]["image"] for k in range(len(examples))]).mean(0) / 2 + 0.5
    )
    bias = first["networks/generator/pixel_bias"]
    assert torch.allclose(torch.sigmoid(bias), shares, atol=1e-5)


def test_validation_is_the_likelihood_under_its_own_samples() -> None:
    class Repeats(nn.Module):
        latent_width, distribution, classes = 3, "normal", None

        def __init__(self) -> None:
            super().__init__()
            self.units = build(settings()).networks["generator"].units

        def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
            return torch.full((len(latents), 1, 4, 4), 0.25)

    batches = [{"image": torch.full((3, 1, 4, 4), -0.5)}] * 2  # 0.25 in [0, 1]
    found = parzen_validation(Repeats(), batches, samples=7, points=4)
    assert found["parzen_sigma"] == pytest.approx(0.1)
    expected = -16 * math.log(0.1 * math.sqrt(2 * math.pi))
    assert found["parzen_nats"] == pytest.approx(expected, abs=1e-6)
    assert found["closest_pair"] == 0


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        (GanSettings, {"classes": 10}, "train conditional-gan instead"),
        (ConditionalGanSettings, {"classes": None}, "expected the number of classes"),
        (
            GanSettings,
            {"schedule": "odd_even", "discriminator_steps": 2},
            "discriminator_steps is 2, expected 1",
        ),
        (
            GanSettings,
            {"shown": "halves", "batch_size": 5},
            "batch_size is 5, expected an even one",
        ),
        (
            GanSettings,
            {"generator": {"network": "dense-generator", "units": "signed"}},
            "generator.units is 'signed', discriminator.units 'unit'",
        ),
        (
            GanSettings,
            {"generator": {"network": "dense-generator", "shape": [1, 5, 5]}},
            r"generator.shape is \(1, 5, 5\), images",
        ),
        (
            GanSettings,
            {"generator": {"network": "dcgan"}},
            "dcgan does not fit here: it has no 'shape'; networks with",
        ),
        (GanSettings, {"images": {"size": 5}}, "images.size"),
    ],
)
def test_settings_that_cannot_work(kind: Any, values: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        validated_settings(kind, {**SMALL, **values})


def test_data_that_does_not_do_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnusableData, match="fewer than a batch"):
        open_data(settings(batch_size=38), digits(tmp_path))
    chosen = validated_settings(
        ConditionalGanSettings,
        {**SMALL, "classes": 5, "generator": {"network": "dense-generator"},
         "discriminator": {"network": "dense-discriminator"}},
    )  # fmt: skip
    with pytest.raises(UnusableData, match=r"x_train\[5\] .* has label 5, expected 0 to 4"):
        open_data(chosen, digits(tmp_path))


def test_classes_that_the_data_lack_are_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chosen = validated_settings(ConditionalGanSettings, {**SMALL, "classes": 12})
    with caplog.at_level("WARNING"):
        open_data(chosen, digits(tmp_path))
    assert "has pictures of 10 classes, classes=12" in caplog.text


def test_a_setting_of_a_network_leaves_the_others(tmp_path: Path) -> None:
    chosen = validated_settings(GanSettings, {"generator": {"latent": 7}})
    assert chosen.generator.config().latent == 7
    assert chosen.generator.config().hidden == (1200, 1200)
    again = validated_settings(GanSettings, chosen.model_dump(mode="json"))
    assert again == chosen


def test_recipe_of_mnist_is_the_code_s() -> None:
    chosen = validated_settings(GanSettings, load_recipe("gan-mnist").settings)
    optimizer = build(chosen).phases[1].optimizer
    assert optimizer.learning_rate_factor is not None
    assert optimizer.momentum_at is not None
    assert optimizer.learning_rate * optimizer.learning_rate_factor(50_000) == pytest.approx(
        0.1 * 1.000004**-50_000
    )
    # pylearn2, MomentumAdjustor: the 1st epoch has .5, the e-th .2 (e - 1) / 249 more
    assert [optimizer.momentum_at(500 * e - 1) for e in (1, 2, 250, 300)] == pytest.approx(
        [0.5, 0.5 + 0.2 / 249, 0.7, 0.7]
    )
    assert sum(p.numel() for p in build(chosen).networks["generator"].parameters()) == 2_503_984
