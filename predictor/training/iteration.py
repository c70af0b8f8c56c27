"""One iteration: every phase that is due takes its gradients and updates its network."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from predictor.draws import shared_draws
from predictor.systems.phases import Batch, Phase
from predictor.training.distributed import Ranks
from predictor.training.hardware import Hardware
from predictor.training.order import derived_seed
from predictor.training.state import TrainingState

Drawn = dict[str, tuple[Batch, Mapping[str, Tensor]]]
"""The batch and the detached outputs of each phase that has run in this iteration."""


def run_iteration(
    state: TrainingState,
    draw: Callable[[], Batch],
    seed: int,
    hardware: Hardware,
    ranks: Ranks | None = None,
    is_detailed: bool = False,
) -> dict[str, Tensor | float]:
    """Advance `state` by one iteration and return the scalars it measured.

    The result depends on `state`, `seed`, the iteration's number and the batches of `draw`, and on
    nothing that happened before. Names are ``loss/<phase>/<term>``, ``gradient_norm/<phase>`` and
    ``learning_rate/<phase>``; with `is_detailed` also ``gradient_norm/<phase>/<term>``, each at the
    price of a backward pass, where networks are not compiled. Raises `DivergenceError`, on a GPU
    only when the state is next asked.
    """
    ranks = ranks or Ranks()
    torch.manual_seed(derived_seed(seed, "iteration", ranks.rank, state.iteration))
    measured: dict[str, Tensor | float] = {}
    with shared_draws(derived_seed(seed, "draws", state.iteration), ranks.rank, ranks.size):
        _run_phases(state, draw, measured, hardware, ranks, is_detailed)
    ranks.average([*_moving_buffers(state)] if ranks.size > 1 else [])
    state.update_averages()
    state.iteration += 1
    return measured


def _run_phases(
    state: TrainingState,
    draw: Callable[[], Batch],
    measured: dict[str, Tensor | float],
    hardware: Hardware,
    ranks: Ranks,
    is_detailed: bool,
) -> None:
    drawn: Drawn = {}
    phases = state.system.phases
    if state.system.update == "together":
        phases = tuple(phase for phase in phases if _is_due(phase, state))
        for phase in phases:
            _take_gradients(phase, state, draw, drawn, measured, hardware, ranks, is_detailed)
        for phase in phases:
            _update(phase, state, measured)
        return
    for phase in phases:
        if not _is_due(phase, state):
            continue
        for _ in range(phase.repeats):
            _take_gradients(phase, state, draw, drawn, measured, hardware, ranks, is_detailed)
            _update(phase, state, measured)


def _is_due(phase: Phase, state: TrainingState) -> bool:
    if phase.when is None:
        return True
    losses = {name: float(value) for name, value in state.losses.items()}
    return phase.when(state.iteration, losses)


def _take_gradients(
    phase: Phase,
    state: TrainingState,
    draw: Callable[[], Batch],
    drawn: Drawn,
    measured: dict[str, Tensor | float],
    hardware: Hardware,
    ranks: Ranks,
    is_detailed: bool,
) -> None:
    """Leave the phase's gradients, averaged over the ranks, on the parameters of its network."""
    earlier: Mapping[str, Tensor] = {}
    if phase.draws_from in drawn:
        batch, earlier = drawn[phase.draws_from]
    else:  # a batch of its own, also where the phase that it draws from was not due
        batch = draw()
    state.require_gradients(phase.network)
    with hardware.autocast(), torch.set_grad_enabled(phase.network is not None):
        result = phase.loss(state.system.networks, batch, earlier)
    drawn[phase.name] = (
        batch,
        {name: output.detach() for name, output in result.outputs.items()},
    )
    if phase.optimizer is None:
        _note_terms(phase, state, result.terms, measured, ranks)
        return
    parameters = list(state.trained_by(phase).values())
    # A compiled network frees what a second backward pass would need.
    if is_detailed and len(result.terms) > 1 and not hardware.compile:
        for name, term in result.terms.items():
            measured[f"gradient_norm/{phase.name}/{name}"] = _norm_of(term, parameters, ranks)
    state.optimizers[phase.name].zero_grad()
    torch.autograd.backward(torch.stack([*result.terms.values()]).sum())

    gradients = [value.grad for value in parameters if value.grad is not None]
    terms = {name: term.detach().clone() for name, term in result.terms.items()}
    ranks.average([*gradients, *terms.values()])
    norm = get_total_norm(gradients)
    limit = phase.optimizer.gradient_norm_limit
    if limit is not None:
        clip_grads_with_norm_(parameters, limit, norm)
    for name, term in terms.items():
        state.losses[f"{phase.name}/{name}"] = term
        measured[f"loss/{phase.name}/{name}"] = term
    measured[f"gradient_norm/{phase.name}"] = norm
    _note_divergence(phase, state, torch.stack([*terms.values()]).sum() + norm)
    if not hardware.is_cuda:
        state.require_finite()


def _note_terms(
    phase: Phase,
    state: TrainingState,
    terms: Mapping[str, Tensor],
    measured: dict[str, Tensor | float],
    ranks: Ranks,
) -> None:
    """Keep the terms of a phase that only measures."""
    kept = {name: term.detach().clone() for name, term in terms.items()}
    ranks.average([*kept.values()])
    for name, term in kept.items():
        state.losses[f"{phase.name}/{name}"] = term
        measured[f"loss/{phase.name}/{name}"] = term


def _note_divergence(phase: Phase, state: TrainingState, number: Tensor) -> None:
    first = state.first_divergence[phase.name]
    now = torch.full_like(first, state.iteration)
    state.first_divergence[phase.name] = torch.where(
        number.isfinite(), first, torch.minimum(first, now)
    )


def _update(phase: Phase, state: TrainingState, measured: dict[str, Tensor | float]) -> None:
    if phase.optimizer is None:
        return
    factor = phase.optimizer.learning_rate_factor
    rate = phase.optimizer.learning_rate * (factor(state.iteration) if factor else 1.0)
    optimizer = state.optimizers[phase.name]
    for group in optimizer.param_groups:
        group["lr"] = rate
        if phase.optimizer.momentum_at is not None:
            group["momentum"] = phase.optimizer.momentum_at(state.iteration)
    optimizer.step()
    optimizer.zero_grad()
    measured[f"learning_rate/{phase.name}"] = rate


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
