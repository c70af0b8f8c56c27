"""A replayed iteration is the iteration that it stands for."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from predictor.draws import drawn_rows, shared_draws
from predictor.networks.noise import GaussianNoise
from predictor.systems.phases import Batch, Networks, Optimizer, Phase, PhaseLoss, System
from predictor.systems.settings import RunSettings
from predictor.training.distributed import Ranks
from predictor.training.hardware import Hardware, hardware_for
from predictor.training.iteration import run_iteration, run_phases
from predictor.training.replay import WARM_UP, ReplayedIterations, iteration_runner, until_replayed
from predictor.training.state import TrainingState

CPU = Hardware(torch.device("cpu"), "fp32", False, False, True, 0, 1)
WIDTH = 5


class Remembered:
    """Stands in for a graph: replays by computing anew on the batches it was recorded on."""

    made = 0

    def __init__(
        self,
        state: TrainingState,
        hardware: Hardware,
        batches: Sequence[Batch],
        due: Collection[str],
    ) -> None:
        type(self).made += 1
        self.state, self.hardware, self.batches, self.due = state, hardware, batches, due
        self.measured: Mapping[str, Tensor] = {}
        self.losses: Mapping[str, Tensor] = {}

    def replay(self, seed: int) -> None:
        batches, before = iter(self.batches), dict(self.state.losses)
        with shared_draws(seed):
            self.measured = run_phases(
                self.state, lambda: next(batches), self.hardware, Ranks(), due=self.due
            )
        self.losses = {
            name: loss
            for name, loss in self.state.losses.items()
            if name.partition("/")[0] in self.due
        }
        self.state.losses.update(before)  # a graph does not know of the state


def state_of(hardware: Hardware = CPU, **ramp: Callable[[int], float]) -> TrainingState:
    """A network with dropout judged by another, which sees latents that belong to examples."""
    torch.manual_seed(0)

    def fake(networks: Networks, batch: Batch) -> Tensor:
        latents = drawn_rows(
            len(batch["x"]),
            batch["x"].device,
            lambda rows, source: torch.randn(
                rows, WIDTH, generator=source, device=batch["x"].device
            ),
        )
        return networks["generator"](latents)

    def judge(networks: Networks, batch: Batch, earlier: Batch) -> PhaseLoss:
        judged = networks["judge"](torch.cat([batch["x"], fake(networks, batch).detach()]))
        real, made = judged.chunk(2)
        softplus = nn.functional.softplus
        return PhaseLoss({"real": softplus(-real).mean(), "fake": softplus(made).mean()})

    def generate(networks: Networks, batch: Batch, earlier: Batch) -> PhaseLoss:
        judged = networks["judge"](fake(networks, batch))
        return PhaseLoss({"adversarial": nn.functional.softplus(-judged).mean()})

    def rate(iteration: int) -> float:
        return 1 / (1 + iteration)

    system = System(
        networks={
            "generator": nn.Sequential(
                nn.Linear(WIDTH, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, WIDTH)
            ),
            "judge": nn.Sequential(nn.Linear(WIDTH, 8), nn.Dropout(0.5), nn.Linear(8, 1)),
        },
        phases=(
            Phase(
                "judge",
                "judge",
                judge,
                Optimizer("sgd", 0.1, 0.5, is_dampened=True, learning_rate_factor=rate, **ramp),
                repeats=2,
            ),
            Phase(
                "generator", "generator", generate, Optimizer("adam", 0.01, gradient_norm_limit=1)
            ),
        ),
        release="generator",
        averages={"generator": 0.9},
        validate=lambda networks, batches: {},
        best_by=None,
        preview=lambda networks, batch, folder: None,
    )
    return TrainingState(system, hardware)


def batches(device: str = "cpu", sizes: Callable[[int], int] = lambda n: 4) -> Callable[[], Batch]:
    count = -1

    def draw() -> Batch:
        nonlocal count
        count += 1
        random = torch.Generator().manual_seed(count)
        return {"x": torch.randn(sizes(count), WIDTH, generator=random).to(device)}

    return draw


def run_both(
    state: TrainingState,
    other: TrainingState,
    iterations: int,
    hardware: Hardware = CPU,
    draws: Callable[[], Callable[[], Batch]] = batches,
) -> list[tuple[dict[str, float], dict[str, float]]]:
    """Run `state` replayed and `other` as it is; return what both measured."""
    record = None if hardware.is_cuda else Remembered
    replayed = ReplayedIterations(state, draws(), 7, hardware, record)
    draw = draws()
    found = []
    for _ in range(iterations):
        one, two = replayed(), run_iteration(other, draw, 7, hardware)
        found.append(tuple({key: float(value) for key, value in m.items()} for m in (one, two)))
    return found


def require_equal(state: TrainingState, other: TrainingState, tolerance: float = 0) -> None:
    one, two = state.tensors(), other.tensors()
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, two[name], rtol=tolerance, atol=tolerance)
    for name, loss in state.losses.items():
        torch.testing.assert_close(loss, other.losses[name], rtol=tolerance, atol=tolerance)
    assert state.iteration == other.iteration


def test_replays_on_new_batches_draws_and_rates() -> None:
    state, other = state_of(), state_of()
    Remembered.made = 0
    for one, two in run_both(state, other, 10):
        assert one == two
    require_equal(state, other)
    assert Remembered.made == 1


def test_a_new_recording_is_made_where_momentum_changes() -> None:
    def ramp(iteration: int) -> float:
        return 0.5 if iteration < 8 else 0.9

    state, other = state_of(momentum_at=ramp), state_of(momentum_at=ramp)
    Remembered.made = 0
    run_both(state, other, 14)
    require_equal(state, other)
    assert Remembered.made == 2


def test_batches_of_other_shapes_run_as_they_are() -> None:
    def draws() -> Callable[[], Batch]:
        return batches(sizes=lambda number: 6 if number in (24, 25, 26) else 4)  # of iteration 9

    state, other = state_of(), state_of()
    Remembered.made = 0
    for one, two in run_both(state, other, 14, draws=draws):
        assert one == two
    require_equal(state, other)
    assert Remembered.made == 1


def test_what_cannot_be_recorded_runs_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(
        state: TrainingState, hardware: Hardware, batches: Sequence[Batch], due: Collection[str]
    ) -> Remembered:
        raise RuntimeError("operation not permitted when stream is capturing\nand more")

    state, other = state_of(), state_of()
    replayed, draw = ReplayedIterations(state, batches(), 7, CPU, refuse), batches()
    with caplog.at_level(logging.INFO, "predictor"):
        for _ in range(8):
            replayed()
            run_iteration(other, draw, 7, CPU)
    require_equal(state, other)
    (line,) = caplog.messages
    assert line.endswith("not replayed: operation not permitted when stream is capturing")


def test_too_little_memory_to_record_ends_the_run() -> None:
    def refuse(
        state: TrainingState, hardware: Hardware, batches: Sequence[Batch], due: Collection[str]
    ) -> Remembered:
        raise torch.OutOfMemoryError("CUDA out of memory")

    replayed = ReplayedIterations(state_of(), batches(), 7, CPU, refuse)
    iterations = (replayed() for _ in range(8))
    with pytest.raises(torch.OutOfMemoryError):
        list(iterations)


def taking_turns(state: TrainingState) -> TrainingState:
    """Let the judge learn in two of three iterations, the generator in the third."""
    judge, generator = state.system.phases
    state.system = replace(
        state.system,
        phases=(
            replace(judge, when=lambda number, losses: number % 3 != 2),
            replace(generator, when=lambda number, losses: number % 3 == 2),
        ),
    )
    return state


def test_each_turn_of_phases_has_its_recording() -> None:
    state, other = (taking_turns(state_of()) for _ in range(2))
    Remembered.made = 0
    for one, two in run_both(state, other, 18):
        assert one == two
    require_equal(state, other)
    assert Remembered.made == 2
    assert until_replayed(state.system) == 2 * until_replayed(state_of().system)


def test_a_condition_on_a_loss_runs_as_it_is_and_does_not_stop_replays() -> None:
    def gated() -> TrainingState:
        state = state_of()
        judge, generator = state.system.phases
        state.system = replace(
            state.system,
            phases=(
                judge,
                replace(generator, when=lambda n, losses: n < 9 or "judge/real" in losses),
            ),
        )
        return state

    state, other = gated(), gated()
    Remembered.made = 0
    for one, two in run_both(state, other, 14):
        assert one == two
    require_equal(state, other)
    assert Remembered.made == 1


def test_replayed_are_iterations_of_one_gpu() -> None:
    state = state_of()
    assert isinstance(iteration_runner(state, batches(), 0, CPU), ReplayedIterations)
    assert not isinstance(
        iteration_runner(state, batches(), 0, replace(CPU, replay=False)), ReplayedIterations
    )
    assert not isinstance(
        iteration_runner(state, batches(), 0, CPU, Ranks(0, 2)), ReplayedIterations
    )
    assert not hardware_for(RunSettings(device="cpu")).replay


@pytest.mark.gpu
def test_a_graph_computes_what_the_calls_do() -> None:
    def ramp(iteration: int) -> float:
        return 0.0 if iteration < 6 else 0.9

    hardware = hardware_for(RunSettings(device="cuda", precision="fp32"))
    state, other = (state_of(hardware, momentum_at=ramp) for _ in range(2))
    both = run_both(state, other, 20, hardware, lambda: batches("cuda"))
    for one, two in both[WARM_UP:]:
        assert one == pytest.approx(two, rel=1e-4)
    require_equal(state, other, 1e-5)


@pytest.mark.gpu
def test_graphs_of_turns_compute_what_the_calls_do() -> None:
    hardware = hardware_for(RunSettings(device="cuda", precision="fp32"))
    state, other = (taking_turns(state_of(hardware)) for _ in range(2))
    for one, two in run_both(state, other, 30, hardware, lambda: batches("cuda")):
        assert one == pytest.approx(two, rel=1e-4)
    require_equal(state, other, 1e-5)


@pytest.mark.gpu
def test_a_loss_that_asks_the_device_is_not_recorded_and_harms_nothing() -> None:
    def asking(state: TrainingState) -> TrainingState:
        (judge, generator) = state.system.phases

        def loss(networks: Networks, batch: Batch, earlier: Batch) -> PhaseLoss:
            found = judge.loss(networks, batch, earlier)
            assert float(found.terms["real"].detach()) > 0
            return found

        state.system = replace(state.system, phases=(replace(judge, loss=loss), generator))
        return state

    hardware = hardware_for(RunSettings(device="cuda", precision="fp32"))
    state, other = (asking(state_of(hardware)) for _ in range(2))
    run_both(state, other, 12, hardware, lambda: batches("cuda"))
    require_equal(state, other, 1e-5)


@pytest.mark.gpu
def test_noise_of_replays_is_new_and_of_the_right_size() -> None:
    hardware = hardware_for(RunSettings(device="cuda", precision="fp32"))
    state = state_of(hardware)
    (judge, generator) = state.system.phases
    noises = nn.ModuleList([GaussianNoise(0.5), GaussianNoise(2.0)]).train()

    def loss(networks: Networks, batch: Batch, earlier: Batch) -> PhaseLoss:
        drawn = [noise(torch.zeros(100_000, device="cuda")) for noise in noises]
        terms = {f"mean_{n}": values.mean() for n, values in enumerate(drawn)}
        terms |= {f"deviation_{n}": values.std() for n, values in enumerate(drawn)}
        zero = 0.0 * generator.loss(networks, batch, earlier).terms["adversarial"]
        return PhaseLoss({name: term.detach() + zero for name, term in terms.items()})

    state.system = replace(state.system, phases=(judge, replace(generator, loss=loss)))
    replayed = ReplayedIterations(state, batches("cuda"), 7, hardware)
    found = [{key: float(value) for key, value in replayed().items()} for _ in range(20)]
    for n, deviation in enumerate((0.5, 2.0)):
        means = [measured[f"loss/generator/mean_{n}"] for measured in found]
        assert len(set(means)) == 20
        assert max(map(abs, means)) < 0.02 * deviation
        for measured in found:
            assert measured[f"loss/generator/deviation_{n}"] == pytest.approx(deviation, rel=0.02)
