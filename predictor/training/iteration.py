"""One iteration: every phase that is due takes its gradients and updates its network."""

from collections.abc import Callable, Collection, Iterator, Mapping

import torch
from torch import Tensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from predictor.draws import shared_draws
from predictor.systems.phases import Batch, Optimizer, Phase
from predictor.training.distributed import Ranks
from predictor.training.hardware import Hardware
from predictor.training.order import derived_seed
from predictor.training.state import TrainingState


def run_iteration(
    state: TrainingState,
    draw: Callable[[], Batch],
    seed: int,
    hardware: Hardware,
    ranks: Ranks | None = None,
    is_detailed: bool = False,
) -> dict[str, Tensor | float]:
    """Advance `state` by one iteration and return the scalars it measured.

    The result is a function of `state`, `seed`, the iteration's number and the batches of `draw`,
    whatever the random state was before. Names are ``loss/<phase>/<term>``,
    ``gradient_norm/<phase>`` and ``learning_rate/<phase>``; with `is_detailed` also
    ``gradient_norm/<phase>/<term>``, which costs a backward pass for each term and is left out for
    compiled networks. Raises `DivergenceError`; on a GPU not until `TrainingState.require_finite`
    is next called.
    """
    ranks = ranks or Ranks()
    rates = begin_iteration(state, seed, ranks)
    with shared_draws(seed_of_draws(state, seed), ranks.rank, ranks.size):
        measured = run_phases(state, draw, hardware, ranks, is_detailed)
    return end_iteration(state, measured, rates, ranks)


def begin_iteration(state: TrainingState, seed: int, ranks: Ranks) -> dict[str, float]:
    """Seed the global random state, apply the schedules, and return the learning rates."""
    torch.manual_seed(derived_seed(seed, "iteration", ranks.rank, state.iteration))
    state.clock.fill_(state.iteration)
    rates = {}
    for phase in state.system.phases:
        if phase.optimizer is not None:
            rate = _follow_schedules(phase.optimizer, state.optimizers[phase.name], state.iteration)
            rates[f"learning_rate/{phase.name}"] = rate
    return rates


def seed_of_draws(state: TrainingState, seed: int) -> int:
    """Return the seed of `predictor.draws` in the present iteration."""
    return derived_seed(seed, "draws", state.iteration)


def phases_due(state: TrainingState) -> tuple[str, ...] | None:
    """Return the names of the phases that are due next; None if that depends on a loss."""
    try:
        return tuple(
            phase.name
            for phase in state.system.phases
            if phase.when is None or phase.when(state.iteration, _NotToBeRead())
        )
    except _WasReadError:
        return None


class _WasReadError(Exception):
    """A condition looked at the losses."""


class _NotToBeRead(Mapping[str, float]):
    """Losses that are not known yet."""

    def __getitem__(self, name: str) -> float:
        raise _WasReadError

    def __iter__(self) -> Iterator[str]:
        raise _WasReadError

    def __len__(self) -> int:
        raise _WasReadError


class _ReadWhenAsked(Mapping[str, float]):
    """Losses that are on the device: reading one waits until it is computed."""

    def __init__(self, losses: Mapping[str, Tensor]) -> None:
        self._losses = losses

    def __getitem__(self, name: str) -> float:
        return float(self._losses[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._losses)

    def __len__(self) -> int:
        return len(self._losses)


def run_phases(
    state: TrainingState,
    draw: Callable[[], Batch],
    hardware: Hardware,
    ranks: Ranks,
    is_detailed: bool = False,
    due: Collection[str] | None = None,
) -> dict[str, Tensor]:
    """Run the phases that are due and return what they measured, as tensors on the device.

    With the names in `due` conditions are not asked, and nothing here waits for the device, so that
    a GPU can record it.
    """
    iteration = _Iteration(state, draw, hardware, ranks, is_detailed, due)
    iteration.run_phases()
    return iteration.measured


def end_iteration(
    state: TrainingState, measured: Mapping[str, Tensor], rates: Mapping[str, float], ranks: Ranks
) -> dict[str, Tensor | float]:
    """Update averages and counter; return `measured` and the learning rates of updated phases."""
    ranks.average([*_moving_buffers(state)] if ranks.size > 1 else [])
    state.update_averages()
    state.iteration += 1
    updated = {
        name: rate
        for name, rate in rates.items()
        if f"gradient_norm/{name.removeprefix('learning_rate/')}" in measured
    }
    return {**measured, **updated}


class _Iteration:
    """One iteration that is under way."""

    def __init__(
        self,
        state: TrainingState,
        draw: Callable[[], Batch],
        hardware: Hardware,
        ranks: Ranks,
        is_detailed: bool,
        due: Collection[str] | None,
    ) -> None:
        self.state, self.draw, self.due = state, draw, due
        self.hardware, self.ranks, self.is_detailed = hardware, ranks, is_detailed
        self.measured: dict[str, Tensor] = {}
        self.drawn: dict[str, tuple[Batch, Mapping[str, Tensor]]] = {}
        """The batch and the detached outputs of each phase that has run."""

    def run_phases(self) -> None:
        """Run the phases that are due; networks are updated after each phase or all at the end."""
        system = self.state.system
        if system.update == "together":
            due = [phase for phase in system.phases if self._is_due(phase)]
            for phase in due:
                self._take_gradients(phase)
            for phase in due:
                self._update(phase)
            return
        for phase in system.phases:
            if not self._is_due(phase):
                continue
            for _ in range(phase.repeats):
                self._take_gradients(phase)
                self._update(phase)

    def _is_due(self, phase: Phase) -> bool:
        if self.due is not None:
            return phase.name in self.due
        if phase.when is None:
            return True
        return phase.when(self.state.iteration, _ReadWhenAsked(self.state.losses))

    def _take_gradients(self, phase: Phase) -> None:
        """Set the gradients of the phase's network, averaged over the ranks and clipped."""
        state = self.state
        terms = self._terms(phase)
        if phase.optimizer is None:  # it only measures
            losses = self._averaged(terms, [])
            self._note_losses(phase, losses)
            self._require_finite(phase, torch.stack([*losses.values()]).sum())
            return
        parameters = list(state.trained_by(phase).values())
        # A compiled network frees the graph in its first backward pass.
        if self.is_detailed and len(terms) > 1 and not self.hardware.compile:
            for name, term in terms.items():
                norm = _norm_of(term, parameters, self.ranks)
                self.measured[f"gradient_norm/{phase.name}/{name}"] = norm
        state.optimizers[phase.name].zero_grad()
        torch.autograd.backward(torch.stack([*terms.values()]).sum())

        gradients = [value.grad for value in parameters if value.grad is not None]
        losses = self._averaged(terms, gradients)
        norm = get_total_norm(gradients)
        limit = phase.optimizer.gradient_norm_limit
        if limit is not None:
            clip_grads_with_norm_(parameters, limit, norm)
        self._note_losses(phase, losses)
        self.measured[f"gradient_norm/{phase.name}"] = norm
        self._require_finite(phase, torch.stack([*losses.values()]).sum() + norm)

    def _require_finite(self, phase: Phase, number: Tensor) -> None:
        """Note whether `number` diverged; on a GPU, where reading waits, it is read later."""
        first = self.state.first_divergence[phase.name]
        first.copy_(torch.where(number.isfinite(), first, torch.minimum(first, self.state.clock)))
        if not self.hardware.is_cuda:
            self.state.require_finite()

    def _terms(self, phase: Phase) -> Mapping[str, Tensor]:
        """Return the terms of the phase's loss, on a new batch or the one that it draws from."""
        earlier: Mapping[str, Tensor] = {}
        if phase.draws_from in self.drawn:
            batch, earlier = self.drawn[phase.draws_from]
        else:  # also where the phase that it draws from was not due
            batch = self.draw()
        self.state.require_gradients(phase.network)
        with self.hardware.autocast(), torch.set_grad_enabled(phase.network is not None):
            result = phase.loss(self.state.system.networks, batch, earlier)
        outputs = {name: output.detach() for name, output in result.outputs.items()}
        self.drawn[phase.name] = batch, outputs
        return result.terms

    def _averaged(self, terms: Mapping[str, Tensor], gradients: list[Tensor]) -> dict[str, Tensor]:
        """Return the values of `terms` averaged over the ranks; average `gradients` in place."""
        losses = {name: term.detach().clone() for name, term in terms.items()}
        self.ranks.average([*gradients, *losses.values()])
        return losses

    def _note_losses(self, phase: Phase, losses: Mapping[str, Tensor]) -> None:
        for name, loss in losses.items():
            self.state.losses[f"{phase.name}/{name}"] = loss
            self.measured[f"loss/{phase.name}/{name}"] = loss

    def _update(self, phase: Phase) -> None:
        if phase.optimizer is None:
            return
        optimizer = self.state.optimizers[phase.name]
        optimizer.step()
        optimizer.zero_grad()


def _follow_schedules(chosen: Optimizer, optimizer: torch.optim.Optimizer, number: int) -> float:
    """Set learning rate and momentum of `optimizer` for iteration `number`; return the rate."""
    factor = chosen.learning_rate_factor
    rate = chosen.learning_rate * (factor(number) if factor else 1.0)
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate
        if chosen.momentum_at is not None:
            group["momentum"] = chosen.momentum_at(number)
        if chosen.is_dampened:
            group["dampening"] = group["momentum"]
    return rate


def _norm_of(term: Tensor, parameters: list[torch.nn.Parameter], ranks: Ranks) -> Tensor:
    if not term.requires_grad:
        return torch.zeros_like(term)
    found = torch.autograd.grad(term, parameters, retain_graph=True, allow_unused=True)
    gradients = [gradient for gradient in found if gradient is not None]
    ranks.average(gradients)
    return get_total_norm(gradients)


def _moving_buffers(state: TrainingState) -> list[Tensor]:
    return [
        buffer
        for network in state.system.networks.values()
        for buffer in network.buffers()
        if buffer.is_floating_point()
    ]
