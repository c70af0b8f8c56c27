"""What the losses of ``infogan`` do to which weights, and what validation and previews say."""

import math
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch
from tiny_infogan import batch, loss_of, settings, system_of
from torch import Tensor, nn
from torch.distributions import Normal
from torch.nn import functional

from predictor.systems.infogan import build
from predictor.systems.phases import System
from predictor.training.hardware import hardware_for
from predictor.training.iteration import run_iteration
from predictor.training.state import TrainingState


def without_answers(system: System) -> System:
    """Let both heads say nothing: logits of 0, means of 0, variances of 1."""
    judge: Any = system.networks["discriminator"]
    for head in (judge.judge, judge.reader[-1]):
        nn.init.zeros_(head.weight)
    return system


def test_heads_that_know_nothing_cost_what_they_should() -> None:
    system = without_answers(system_of(settings(categorical_weight=2.0, uniform_weight=0.5)))
    discriminator = {k: v.item() for k, v in loss_of(system, "discriminator").terms.items()}
    generator = {k: v.item() for k, v in loss_of(system, "generator").terms.items()}
    for terms in (discriminator, generator):
        assert terms.pop("categorical_information") == pytest.approx(0, abs=1e-6)
        told = -terms.pop("uniform_information") / 0.5  # two codes, squares below 1
        floor = 2 * (math.log(2) - 0.5 * math.log(2 * math.pi))
        assert floor - 1 < told < floor
    assert discriminator == pytest.approx({"real": math.log(2), "fake": math.log(2)})
    assert generator == pytest.approx({"adversarial": math.log(2)})


def test_weights_scale_their_group_of_codes() -> None:
    found = {}
    for weight in (1.0, 3.0):
        chosen = settings(categorical_weight=weight, uniform_weight=weight / 2)
        torch.manual_seed(0)
        system = build(chosen)
        torch.manual_seed(1)
        found[weight] = loss_of(system, "generator").terms
    for name in ("categorical_information", "uniform_information"):
        torch.testing.assert_close(found[3.0][name], 3 * found[1.0][name])
    torch.testing.assert_close(found[3.0]["adversarial"], found[1.0]["adversarial"])


def test_the_information_of_all_codes_of_a_group_is_added_up() -> None:
    chosen = settings(latents={"categorical": [3, 4]}, categorical_weight=2.0, uniform_weight=0.5)
    system = system_of(chosen)
    given: list[Tensor] = []
    said: list[Any] = []
    system.networks["generator"].register_forward_pre_hook(lambda _, args: given.append(args[0]))
    system.networks["discriminator"].register_forward_hook(lambda *call: said.append(call[2]))
    found = loss_of(system, "discriminator").terms
    (latents,), (_, fake) = given, said  # the pictures with codes are those that were made
    told = chosen.latents.codes(latents)
    first, second = (
        math.log(count) - functional.cross_entropy(logits, category)
        for count, logits, category in zip((3, 4), fake.codes.logits, told.categories, strict=True)
    )
    torch.testing.assert_close(found["categorical_information"], -2.0 * (first + second))
    deviations = (fake.codes.log_variances / 2).exp()
    density = Normal(fake.codes.means, deviations).log_prob(told.numbers).mean(0)
    expected = -0.5 * (density + math.log(2)).sum()
    torch.testing.assert_close(found["uniform_information"], expected)


@pytest.mark.parametrize("phase", ["discriminator", "generator"])
def test_with_views_categories_are_read_from_changed_pictures_and_the_rest_is_not(
    phase: str,
) -> None:
    amounts = {"scale": 1.0, "shear": 0.0, "rotation_degrees": 0.0, "translation": 0.0}
    found = {}
    for name, views in (
        ("none", None),
        ("still", amounts),
        ("turned", amounts | {"rotation_degrees": 180.0}),
    ):
        system = system_of(settings(views=views))
        torch.manual_seed(1)
        found[name] = {k: v.item() for k, v in loss_of(system, phase).terms.items()}
    assert found["still"] == pytest.approx(found["none"], abs=1e-5)
    information = "categorical_information"
    assert abs(found["turned"].pop(information) - found["none"].pop(information)) > 1e-4
    assert found["turned"] == pytest.approx(found["none"])


def test_views_teach_the_generator_and_leave_the_statistics_of_real_pictures() -> None:
    system = system_of(settings(views={}, uniform_weight=0.0))
    generator, judge = (system.networks[name] for name in ("generator", "discriminator"))
    running = {name: value for name, value in judge.named_buffers() if "running" in name}
    before = {name: value.clone() for name, value in running.items()}
    loss_of(system, "generator").terms["categorical_information"].backward()
    assert all(weight.grad is not None for weight in generator.parameters())
    assert all(torch.equal(before[name], value) for name, value in running.items())


def test_the_score_of_the_released_code_is_a_third_of_a_nat_at_most() -> None:
    chosen = settings(scored_as="normal", uniform_weight=1.0, discriminator={"deviation": 1.0})
    system = without_answers(system_of(chosen))
    told = loss_of(system, "generator").terms["uniform_information"]
    assert told.item() == pytest.approx(0, abs=1e-6)


def test_without_weights_it_is_an_ordinary_adversarial_network() -> None:
    system = system_of(settings(categorical_weight=0, uniform_weight=0))
    assert list(loss_of(system, "discriminator").terms) == ["real", "fake"]
    assert list(loss_of(system, "generator").terms) == ["adversarial"]


@pytest.mark.parametrize("term", ["categorical_information", "uniform_information"])
def test_information_reaches_head_and_trunk_in_one_phase_and_the_generator_in_the_other(
    term: str,
) -> None:
    system = system_of(settings())
    judge: Any = system.networks["discriminator"]
    found = loss_of(system, "discriminator").terms[term]
    weights = [*judge.convolutions.parameters(), *judge.dense.parameters()]
    weights += [*judge.reader.parameters()]
    gradients = torch.autograd.grad(found, weights, retain_graph=True)
    moved = [name for name, weight, gradient in zip(
        [n for n, _ in judge.named_parameters() if not n.startswith("judge")], weights, gradients,
        strict=True) if weight.ndim > 1 and gradient.abs().sum() > 0]  # fmt: skip
    assert {name.split(".")[0] for name in moved} == {"convolutions", "dense", "reader"}
    made = [*system.networks["generator"].parameters()]
    nothing = torch.autograd.grad(found, made, allow_unused=True)
    assert nothing == (None,) * len(made)

    found = loss_of(system, "generator").terms[term]
    assert all(
        gradient.abs().sum() > 0
        for weight, gradient in zip(made, torch.autograd.grad(found, made), strict=True)
        if weight.ndim > 1
    )


@pytest.mark.parametrize("phase", ["discriminator", "generator"])
def test_a_step_down_the_loss_raises_the_information(phase: str) -> None:
    system = system_of(settings(uniform_weight=1.0))

    def information() -> Tensor:
        torch.manual_seed(3)
        terms = loss_of(system, phase).terms
        return terms["categorical_information"] + terms["uniform_information"]

    before = information()
    weights = [*system.networks[phase].parameters()]
    gradients = torch.autograd.grad(before, weights, allow_unused=True)
    with torch.no_grad():
        for weight, gradient in zip(weights, gradients, strict=True):
            if gradient is not None:
                weight -= 1e-3 * gradient
    assert information() < before


def test_each_phase_draws_latents_of_its_own_for_one_batch_of_pictures() -> None:
    chosen = settings()
    state = TrainingState(system_of(chosen), hardware_for(chosen))
    latents: list[Tensor] = []
    judged: list[Tensor] = []
    networks = state.system.networks
    networks["generator"].register_forward_pre_hook(lambda _, given: latents.append(given[0]))
    networks["discriminator"].register_forward_pre_hook(lambda _, given: judged.append(given[0]))
    drawn = []

    def draw() -> dict[str, Tensor]:
        drawn.append(batch())
        return drawn[-1]

    run_iteration(state, draw, 0, hardware_for(chosen))
    assert len(drawn) == 1
    assert [tuple(each.shape) for each in latents] == [(4, 8), (4, 8)]
    assert not torch.equal(*latents)
    real, made, again = judged
    assert torch.allclose(real, (batch()["image"] + 1) / 2)
    assert not torch.equal(made, again)
    assert 0 <= made.min() < made.max() <= 1


def test_the_statistics_that_stay_are_those_of_real_pictures() -> None:
    found = []
    for step in (loss_of, loss_of_the_real_alone):
        system = system_of(settings())
        step(system, "discriminator")
        loss_of(system, "generator")
        judge: Any = system.networks["discriminator"]
        found.append((judge.convolutions[1][1].running_mean, judge.reader[1].running_var))
    assert all(map(torch.equal, *found))
    fresh: Any = system_of(settings()).networks["discriminator"]
    assert not torch.equal(found[0][0], fresh.convolutions[1][1].running_mean)


def loss_of_the_real_alone(system: System, name: str) -> None:
    system.networks[name]((batch()["image"] + 1) / 2)


class Shows(nn.Module):
    """Makes a picture whose first row says the category and whose second the numbers."""

    classes = None

    def __init__(self, system: System) -> None:
        super().__init__()
        like: Any = system.networks["generator"]
        self.structure, self.units = like.structure, like.units
        self.latent_width, self.distribution = like.latent_width, like.distribution

    def forward(self, latents: Tensor, labels: None) -> Tensor:
        pictures = torch.zeros(len(latents), 1, 8, 8)
        pictures[:, 0, 0, :3] = latents[:, 3:6]
        pictures[:, 0, 1, :2] = (latents[:, 6:] + 1) / 2
        return pictures


class Reads(nn.Module):
    """Reads them back."""

    def __init__(self, system: System) -> None:
        super().__init__()
        like: Any = system.networks["discriminator"]
        self.structure, self.units, self.image_shape = like.structure, like.units, (1, 8, 8)
        self.kinds = type(like(batch()["image"])), type(like(batch()["image"]).codes)

    def forward(self, pictures: Tensor) -> Any:
        judgement, posterior = self.kinds
        numbers = 2 * pictures[:, 0, 1, :2] - 1
        spread = torch.full_like(numbers, 2 * math.log(0.1))
        codes = posterior((50 * pictures[:, 0, 0, :3],), numbers, spread)
        return judgement(torch.zeros(len(pictures), 1), codes, pictures.flatten(1))


def test_validation_measures_nats_of_each_code_and_the_error_of_the_first() -> None:
    system = system_of(settings(validation_samples=500))
    networks = {"generator": Shows(system), "discriminator": Reads(system)}
    held_out = batch(6)
    held_out["image"].fill_(-1.0)
    held_out["image"][torch.arange(6), 0, 0, torch.tensor([2, 0, 1, 2, 0, 0])] = 1.0
    scores = system.validate(networks, [held_out])  # labels 0 1 2 0 1 2: the last is wrong
    assert scores.pop("whitened_frechet_distance") > 0
    assert scores.pop("made_variance_share") > 0
    number = math.log(2) - math.log(0.1 * math.sqrt(2 * math.pi))
    assert scores == pytest.approx(
        {
            "information_nats": math.log(3) + 2 * number,
            "categorical_information_nats": math.log(3),
            "uniform_information_nats": 2 * number,
            "information_c1_nats": math.log(3),
            "information_c2_nats": number,
            "information_c3_nats": number,
            "c1_error_percent": 100 / 6,
        },
        abs=1e-4,
    )
    assert "c1_error_percent" not in system.validate(networks, [{"image": held_out["image"]}])


def test_the_best_state_has_the_best_pictures_not_the_codes_that_are_easiest_to_read() -> None:
    assert system_of(settings()).best_by == ("whitened_frechet_distance", "min")


def test_previews_have_a_sheet_a_code(tmp_path: Path) -> None:
    system = system_of(settings())
    networks = {name: network.eval() for name, network in system.networks.items()}
    system.preview(networks, batch(), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "c1.png", "c2.png", "c3.png", "samples.png",
    ]  # fmt: skip
    assert cv2.imread(str(tmp_path / "c1.png")).shape == (10 * 10 + 2, 3 * 10 + 2, 3)
    assert cv2.imread(str(tmp_path / "c2.png")).shape == (10 * 10 + 2, 10 * 10 + 2, 3)
