"""What one iteration does to which network, in numbers that can be worked out by hand."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from predictor.errors import DivergenceError
from predictor.systems.phases import (
    Batch,
    Networks,
    Optimizer,
    Phase,
    PhaseLoss,
    System,
)
from predictor.training.hardware import Hardware
from predictor.training.iteration import run_iteration
from predictor.training.state import TrainingState

CPU = Hardware(torch.device("cpu"), "fp32", False, False, False, 0, 1)
RATE = 0.25

Loss = Callable[[Networks, Batch, Batch], PhaseLoss]


class Number(nn.Module):
    """A network with one weight, which is what it returns."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(value))

    def forward(self) -> Tensor:
        return self.weight


def product(networks: Networks, batch: Batch, earlier: Batch) -> PhaseLoss:
    """x*y*a*b: the gradient of one number is the batch times the others."""
    return PhaseLoss({"product": batch["x"].sum() * networks["a"]() * networks["b"]()})


def state_of(*phases: Phase, **values: Any) -> TrainingState:
    system = System(
        networks={"a": Number(2.0), "b": Number(3.0)},
        phases=phases,
        release="a",
        validate=lambda networks, batches: {},
        best_by=("none", "max"),
        preview=lambda networks, batch, folder: None,
        **values,
    )
    return TrainingState(system, CPU)


def phase(name: str, loss: Loss = product, **values: Any) -> Phase:
    optimizer = values.pop("optimizer", Optimizer("sgd", RATE))
    return Phase(name, name, loss, optimizer, **values)


def stream(*batches: float) -> Callable[[], Batch]:
    remaining = iter(batches)
    return lambda: {"x": torch.tensor([next(remaining)])}


def weights(state: TrainingState) -> tuple[float, float]:
    a, b = (network.get_parameter("weight").detach() for network in state.system.networks.values())
    return float(a), float(b)


def test_in_turn_sees_the_update_before_it() -> None:
    state = state_of(phase("a"), phase("b"))
    run_iteration(state, stream(1.0, 2.0), 0, CPU)
    a = 2 - RATE * 1 * 3
    assert weights(state) == (a, 3 - RATE * 2 * a)


def test_together_takes_all_gradients_first() -> None:
    state = state_of(phase("a"), phase("b"), update="together")
    run_iteration(state, stream(1.0, 2.0), 0, CPU)
    assert weights(state) == (2 - RATE * 1 * 3, 3 - RATE * 2 * 2)


def test_repeats_draw_a_batch_each() -> None:
    state = state_of(phase("a", repeats=3), phase("b"))
    run_iteration(state, stream(1.0, 2.0, 0.5, 1.0), 0, CPU)
    a = 2 - RATE * 3 * (1 + 2 + 0.5)
    assert weights(state) == (a, 3 - RATE * a)


def test_phase_that_draws_from_another_gets_its_last_batch_and_outputs_detached() -> None:
    seen: list[Mapping[str, Tensor]] = []

    def first(networks: Networks, batch: Batch, earlier: Batch) -> PhaseLoss:
        assert not earlier
        value = networks["a"]() * batch["x"].sum()
        return PhaseLoss({"value": value}, {"made": value})

    def second(networks: Networks, batch: Batch, earlier: Batch) -> PhaseLoss:
        seen.append({**batch, **earlier})
        return PhaseLoss({"value": networks["b"]() * earlier["made"]})

    state = state_of(phase("a", first, repeats=2), phase("b", second, draws_from="a"))
    run_iteration(state, stream(1.0, 2.0), 0, CPU)
    assert float(seen[0]["x"]) == 2.0
    made = (2 - RATE * 1) * 2.0
    assert float(seen[0]["made"]) == made
    assert not seen[0]["made"].requires_grad
    assert weights(state)[1] == 3 - RATE * made


def test_phase_draws_for_itself_where_the_other_was_not_due() -> None:
    state = state_of(phase("a", when=lambda i, losses: i > 0), phase("b", draws_from="a"))
    run_iteration(state, stream(2.0), 0, CPU)
    assert weights(state) == (2.0, 3 - RATE * 2 * 2)


def test_a_loss_is_fetched_from_the_device_only_where_a_condition_reads_it() -> None:
    class StaysOnTheDevice:
        def __float__(self) -> float:
            raise AssertionError("nobody asked for it")

    state = state_of(phase("a", when=lambda i, losses: losses["a/product"] > 1.5), phase("b"))
    state.losses = {"a/product": torch.tensor(2.0), "b/product": StaysOnTheDevice()}  # type: ignore[dict-item]
    run_iteration(state, stream(1.0, 1.0), 0, CPU)
    assert weights(state)[0] != 2.0


def test_when_sees_the_iteration_and_the_last_losses() -> None:
    seen: list[tuple[int, dict[str, float]]] = []

    def gate(iteration: int, losses: Mapping[str, float]) -> bool:
        seen.append((iteration, dict(losses)))
        return iteration != 1

    state = state_of(phase("a"), phase("b", when=gate))
    draw = stream(1.0, 1.0, 1.0, 1.0, 1.0)
    for _ in range(3):
        run_iteration(state, draw, 0, CPU)
    b = 3 - RATE * 1.25
    assert seen[0] == (0, {"a/product": 6.0})
    assert seen[1] == (1, {"a/product": 1.25 * b, "b/product": 1.25 * 3})
    assert seen[2][1]["b/product"] == 1.25 * 3  # not run in between


def test_only_the_network_of_the_phase_collects_gradients() -> None:
    collecting: list[tuple[bool, bool]] = []

    def spying(networks: Networks, batch: Batch, earlier: Batch) -> PhaseLoss:
        a, b = networks["a"](), networks["b"]()
        collecting.append((a.requires_grad, b.requires_grad))
        return PhaseLoss({"product": a * b})

    state = state_of(phase("a", spying), phase("b", spying))
    run_iteration(state, stream(1.0, 1.0), 0, CPU)
    assert collecting == [(True, False), (False, True)]


def test_only_networks_that_phases_update_are_in_training_mode() -> None:
    state = state_of(phase("a"))
    a, b = state.system.networks.values()
    assert (a.training, b.training) == (True, False)
    evaluated = state.for_evaluation()
    assert not any(network.training for network in evaluated.values())
    state.enter_training()
    assert (a.training, b.training) == (True, False)


def test_weights_that_were_frozen_stay_frozen() -> None:
    network = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))
    network[0].requires_grad_(requires_grad=False)

    def loss(networks: Networks, batch: Batch, earlier: Batch) -> PhaseLoss:
        return PhaseLoss({"value": networks["a"](batch["x"][:, None]).sum()})

    system = state_of(phase("a", loss)).system
    state = TrainingState(replace(system, networks={"a": network, "b": Number(1.0)}), CPU)
    before = [value.clone() for value in network.parameters()]
    run_iteration(state, stream(1.0), 0, CPU)
    changed = [
        not torch.equal(old, new) for old, new in zip(before, network.parameters(), strict=True)
    ]
    assert changed == [False, False, True, True]


def test_a_phase_of_no_network_measures_for_those_after_it() -> None:
    def measure(networks: Networks, batch: Batch, earlier: Batch) -> PhaseLoss:
        assert not torch.is_grad_enabled()
        return PhaseLoss({"error": batch["x"].sum()}, {"seen": batch["x"]})

    def is_large(iteration: int, losses: Mapping[str, float]) -> bool:
        return losses["gate/error"] > 1

    gate = Phase("gate", None, measure, None)
    state = state_of(gate, phase("a", draws_from="gate", when=is_large))
    draw = stream(1.0, 2.0)
    assert "loss/gate/error" in run_iteration(state, draw, 0, CPU)
    assert weights(state) == (2.0, 3.0)
    run_iteration(state, draw, 0, CPU)  # the error of this iteration's batch, and its batch
    assert weights(state) == (2.0 - RATE * 2 * 3, 3.0)
    assert not any("gate" in name for name in state.tensors())


def test_momentum_follows_its_schedule() -> None:
    optimizer = Optimizer("sgd", RATE, momentum_at=lambda iteration: (0.5, 0.25, 0.75)[iteration])
    state = state_of(phase("a", optimizer=optimizer))
    velocity, expected = 0.0, 2.0
    draw = stream(1.0, 1.0, 1.0)
    for momentum in (0.5, 0.25, 0.75):
        run_iteration(state, draw, 0, CPU)
        velocity = momentum * velocity + 3  # the gradient of a is b
        expected -= RATE * velocity
        assert weights(state)[0] == pytest.approx(expected)


def test_dampened_momentum_is_a_mean_of_gradients() -> None:
    """Of Torch, optim.sgd: the first gradient, then v = m v + (1 - m) g."""
    moments = (0.5, 0.25, 0.75)
    optimizer = Optimizer("sgd", RATE, momentum_at=lambda i: moments[i], is_dampened=True)
    state = state_of(phase("a", optimizer=optimizer))
    draw = stream(1.0, 3.0, -2.0)
    velocity, expected = 3.0, 2.0
    for momentum, gradient in zip(moments, (3.0, 9.0, -6.0), strict=True):  # the batch times b
        run_iteration(state, draw, 0, CPU)
        velocity = momentum * velocity + (1 - momentum) * gradient
        expected -= RATE * velocity
        assert weights(state)[0] == pytest.approx(expected)
    fixed = state_of(phase("a", optimizer=Optimizer("sgd", RATE, momentum=0.9, is_dampened=True)))
    for _ in range(2):
        run_iteration(fixed, lambda: {"x": torch.ones(1)}, 0, CPU)
    assert weights(fixed)[0] == pytest.approx(2 - 2 * RATE * 3)  # no longer than without momentum


def test_learning_rate_follows_its_factor_from_iteration_zero() -> None:
    optimizer = Optimizer("sgd", RATE, learning_rate_factor=lambda iteration: 0.5**iteration)
    state = state_of(phase("a", optimizer=optimizer))
    draw = stream(1.0, 1.0)
    rates = [run_iteration(state, draw, 0, CPU)["learning_rate/a"] for _ in range(2)]
    assert rates == [RATE, RATE / 2]
    assert weights(state)[0] == 2 - (RATE + RATE / 2) * 3


def test_gradient_norms_of_the_phase_and_of_each_term() -> None:
    def two_terms(networks: Networks, batch: Batch, earlier: Batch) -> PhaseLoss:
        a = networks["a"]()
        return PhaseLoss({"square": a**2, "line": -a, "free": torch.tensor(5.0)})

    limited = Optimizer("sgd", RATE, gradient_norm_limit=0.5)
    state = state_of(phase("a", two_terms, optimizer=limited))
    measured = run_iteration(state, stream(1.0), 0, CPU, is_detailed=True)
    names = ["a", "a/square", "a/line", "a/free"]
    assert [float(measured[f"gradient_norm/{name}"]) for name in names] == [3, 4, 1, 0]
    assert weights(state)[0] == pytest.approx(2 - RATE * 0.5, rel=1e-5)
    plain = run_iteration(state, stream(1.0), 0, CPU)
    assert "gradient_norm/a/square" not in plain


def test_measuring_in_detail_changes_nothing() -> None:
    states = [state_of(phase("a"), phase("b")) for _ in range(2)]
    for state, is_detailed in zip(states, (False, True), strict=True):
        run_iteration(state, stream(1.0, 2.0), 0, CPU, is_detailed=is_detailed)
    assert weights(states[0]) == weights(states[1])


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_optimizers_are_those_of_pytorch(optimizer: Any) -> None:
    chosen = Optimizer(
        optimizer, RATE, momentum=0.9, betas=(0.5, 0.9), epsilon=2.0, weight_decay=0.1
    )
    state = state_of(phase("a", optimizer=chosen))
    weight = nn.Parameter(torch.tensor(2.0))
    reference: torch.optim.Optimizer
    if optimizer == "sgd":
        reference = torch.optim.SGD([weight], RATE, momentum=0.9, weight_decay=0.1)
    else:
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[optimizer]
        reference = kind([weight], RATE, betas=(0.5, 0.9), eps=2.0, weight_decay=0.1)
    draw = stream(1.0, 1.0)
    for _ in range(2):
        run_iteration(state, draw, 0, CPU)
        weight.grad = torch.tensor(3.0)
        reference.step()
    assert weights(state)[0] == float(weight.detach())


def test_iteration_depends_on_its_number_and_seed_not_on_the_past() -> None:
    drawn: list[float] = []

    def random(networks: Networks, batch: Batch, earlier: Batch) -> PhaseLoss:
        drawn.append(float(torch.rand(())))
        return PhaseLoss({"value": networks["a"]()})

    for past, seed in ((1, 0), (2, 0), (1, 1)):
        torch.manual_seed(past)
        state = state_of(phase("a", random))
        run_iteration(state, stream(1.0), seed, CPU)
        torch.rand(past)
        run_iteration(state, stream(1.0), seed, CPU)
    assert drawn[:2] == drawn[2:4]
    assert len({*drawn[:2], *drawn[4:]}) == 4


def test_divergence_names_phase_iteration_and_term_before_the_update() -> None:
    def rooted(networks: Networks, batch: Batch, earlier: Batch) -> PhaseLoss:
        value = networks["b"]() * batch["x"].sum()
        return PhaseLoss({"root": value.sqrt(), "other": networks["b"]() ** 2})

    state = state_of(phase("a"), phase("b", rooted))
    run_iteration(state, stream(0.0, 1.0), 0, CPU)
    before = weights(state)
    with pytest.raises(DivergenceError, match=r"'b' diverged in iteration 2: .*root nan, other"):
        run_iteration(state, stream(0.0, -1.0), 0, CPU)
    assert weights(state) == before
    with pytest.raises(DivergenceError, match="iteration 2"):  # and it stays known
        state.require_finite()


def test_gpu_is_asked_for_divergence_only_when_the_state_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Hardware, "is_cuda", True)

    def rooted(networks: Networks, batch: Batch, earlier: Batch) -> PhaseLoss:
        return PhaseLoss({"root": networks["a"]() * batch["x"].sum().sqrt()})

    state = state_of(phase("a", rooted))
    draw = stream(1.0, -1.0, -1.0)
    for _ in range(3):
        run_iteration(state, draw, 0, CPU)
    with pytest.raises(DivergenceError, match="'a' diverged in iteration 2:"):  # the first of two
        state.require_finite()


def test_infinite_gradient_of_a_finite_loss_is_a_divergence() -> None:
    def rooted(networks: Networks, batch: Batch, earlier: Batch) -> PhaseLoss:
        return PhaseLoss({"root": (networks["a"]() * batch["x"].sum()).sqrt()})

    state = state_of(phase("a", rooted))
    with pytest.raises(DivergenceError, match="'a' diverged in iteration 1"):
        run_iteration(state, stream(0.0), 0, CPU)


def test_losses_are_computed_in_the_precision_and_weights_stay_float32() -> None:
    seen: list[torch.dtype] = []
    network = nn.Linear(4, 4)

    def loss(networks: Networks, batch: Batch, earlier: Batch) -> PhaseLoss:
        output = networks["a"](batch["x"].expand(1, 4))
        seen.append(output.dtype)
        return PhaseLoss({"value": output.float().square().mean()})

    system = state_of(phase("a", loss)).system
    networks = {"a": network, "b": Number(1.0)}
    for precision in ("fp32", "bf16"):
        hardware = Hardware(torch.device("cpu"), precision, False, False, False, 0, 1)
        state = TrainingState(replace(system, networks=networks), hardware)
        run_iteration(state, stream(1.0), 0, hardware)
    assert seen == [torch.float32, torch.bfloat16]
    assert {value.dtype for value in network.parameters()} == {torch.float32}


def test_average_follows_its_decay_from_iteration_to_iteration() -> None:
    state = state_of(phase("a"), averages={"a": lambda iteration: [0.0, 0.75][iteration]})
    run_iteration(state, stream(1.0), 0, CPU)
    first = 2 - RATE * 1 * 3
    assert float(state.averages["a"]()) == first
    run_iteration(state, stream(1.0), 0, CPU)
    assert float(state.averages["a"]()) == pytest.approx(0.75 * first + 0.25 * (first - RATE * 3))


def test_epsilon_bounds_the_step_of_small_gradients() -> None:
    optimizer = Optimizer("adam", RATE, epsilon=1.0)
    state = state_of(phase("a", optimizer=optimizer))
    run_iteration(state, stream(1.0), 0, CPU)
    assert weights(state)[0] == pytest.approx(2 - RATE * 3 / (3 + 1))
