"""The state of a run: everything that an iteration changes, by name, to save and restore it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW

from predictor.errors import DamagedCheckpoint, DivergenceError
from predictor.systems.phases import Networks, Optimizer, Phase, System
from predictor.training.adam import AdamUnderRoot
from predictor.training.averages import average_of, update_average
from predictor.training.hardware import Hardware

NEVER = 2**62
"""Stands for "no divergence so far" where the iteration of the first one is kept."""


@dataclass(frozen=True)
class Best:
    """The best value so far of the number that `System.best_by` names, and its iteration."""

    value: float
    iteration: int


class TrainingState:
    """The networks of a system on their device, with optimizers, averages and counters.

    Random state is not part of it, since every iteration is seeded by its number.
    """

    def __init__(self, system: System, hardware: Hardware) -> None:
        self.system = system
        self.iteration = 0
        self.losses: dict[str, Tensor] = {}
        """Last value of every loss term, ``"<phase>/<term>"``, scalars on the device."""
        self.best: Best | None = None
        self.training_time_s = 0.0
        self.trainable: dict[str, dict[str, nn.Parameter]] = {}
        for name, network in system.networks.items():
            network.to(hardware.device)
            if hardware.channels_last:
                network.to(memory_format=torch.channels_last)
            self.trainable[name] = {
                key: value for key, value in network.named_parameters() if value.requires_grad
            }
        self.averages = {name: average_of(system.networks[name]) for name in system.averages}
        if hardware.compile:
            for network in system.networks.values():
                network.compile()
        self.optimizers = {
            phase.name: _optimizer(
                phase.optimizer, list(self.trained_by(phase).values()), hardware.device
            )
            for phase in system.phases
            if phase.optimizer is not None
        }
        # The iteration in which each phase first had a loss or gradient that is not finite.
        self.first_divergence = {
            phase.name: torch.tensor(NEVER, device=hardware.device) for phase in system.phases
        }
        self.clock = torch.zeros((), dtype=torch.int64, device=hardware.device)
        """`iteration` as a tensor on the device, for computations there."""
        self.enter_training()

    def trained_by(self, phase: Phase) -> dict[str, nn.Parameter]:
        """Return the parameters that `phase` updates, by name; none for one that measures."""
        return {} if phase.network is None else self.trainable[phase.network]

    def enter_training(self) -> None:
        """Put networks that phases update into training mode, the others into evaluation mode."""
        updated = {phase.network for phase in self.system.phases}
        for name, network in self.system.networks.items():
            network.train(name in updated)

    def require_gradients(self, updated: str | None) -> None:
        """Let the parameters of the network `updated`, and no others, require gradients.

        Buffers are not frozen: running statistics of batch normalization move with every forward
        pass in training mode, whichever phase makes it, as in the published code of these systems.
        """
        for name, parameters in self.trainable.items():
            for parameter in parameters.values():
                parameter.requires_grad_(name == updated)

    def update_averages(self) -> None:
        """Move every average towards its network by one iteration."""
        for name, decay in self.system.averages.items():
            now = decay(self.iteration) if callable(decay) else decay
            update_average(self.averages[name], self.system.networks[name], now)

    def for_evaluation(self) -> Networks:
        """Return the networks in evaluation mode, averages in place of networks that keep one.

        Call `enter_training` before the next iteration.
        """
        for network in self.system.networks.values():
            network.eval()
        return {**self.system.networks, **self.averages}

    def require_finite(self) -> None:
        """Raise `DivergenceError` if a loss or a gradient was not finite in any iteration so far.

        Reads from the device, so it waits until all computation there is done.
        """
        for phase, first in self.first_divergence.items():
            iteration = int(first)
            if iteration == NEVER:
                continue
            prefix = f"{phase}/"
            terms = ", ".join(
                f"{name.removeprefix(prefix)} {float(value):g}"
                for name, value in self.losses.items()
                if name.startswith(prefix)
            )
            found, rate = "the loss or its gradient", "the learning rate of that phase"
            if phase not in self.optimizers:
                found, rate = "what it measures", "the learning rates of the others"
            raise DivergenceError(
                f"phase {phase!r} diverged in iteration {iteration + 1}: {found} is not finite "
                f"(last terms: {terms}); lower {rate}"
            )

    def tensors(self) -> dict[str, Tensor]:
        """Return copies of all tensors on the CPU, by their names in a checkpoint."""
        named = {
            f"{prefix}{key}": tensor
            for prefix, network in self._saved_networks().items()
            for key, tensor in network.state_dict().items()
        }
        for phase in self.system.phases:
            if phase.name not in self.optimizers:
                continue
            slots = self.optimizers[phase.name].state
            for key, parameter in self.trained_by(phase).items():
                for slot, value in slots.get(parameter, {}).items():
                    if isinstance(value, Tensor):
                        named[f"optimizers/{phase.name}/{slot}/{key}"] = value
        return {
            name: tensor.detach().to("cpu", copy=True).contiguous()
            for name, tensor in named.items()
        }

    def numbers(self) -> dict[str, Any]:
        """Return everything that is not a tensor of a network or optimizer, as JSON values."""
        return {
            "iteration": self.iteration,
            "losses": {name: float(value) for name, value in self.losses.items()},
            "best": None if self.best is None else vars(self.best),
            "training_time_s": self.training_time_s,
        }

    def restore(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        """Put back what `tensors` and `numbers` returned.

        Raises `DamagedCheckpoint` naming the first tensor that is missing, unknown or misshapen.
        """
        expected = {
            f"{prefix}{key}": tensor.shape
            for prefix, network in self._saved_networks().items()
            for key, tensor in network.state_dict().items()
        }
        slots = {
            f"optimizers/{phase.name}/": self.trained_by(phase) for phase in self.system.phases
        }
        for name in (*expected, *tensors):
            if name not in tensors:
                raise DamagedCheckpoint(f"it lacks {name!r}")
            shape = expected[name] if name in expected else _slot_shape(name, slots)
            if shape is None:
                raise DamagedCheckpoint(f"it has the unknown tensor {name!r}")
            if tensors[name].shape != shape:
                found = tuple(tensors[name].shape)
                raise DamagedCheckpoint(f"{name!r} is {found}, the system needs {tuple(shape)}")
        for prefix, network in self._saved_networks().items():
            network.load_state_dict(_below(prefix, tensors))
        for phase in self.system.phases:
            if phase.name in self.optimizers:
                _restore_optimizer(
                    self.optimizers[phase.name],
                    self.trained_by(phase),
                    _below(f"optimizers/{phase.name}/", tensors),
                )
        self.iteration = numbers["iteration"]
        device = next(iter(self.first_divergence.values())).device
        self.losses = {
            name: torch.tensor(value, dtype=torch.float64, device=device)
            for name, value in numbers["losses"].items()
        }
        self.best = None if numbers["best"] is None else Best(**numbers["best"])
        self.training_time_s = numbers["training_time_s"]

    def _saved_networks(self) -> dict[str, nn.Module]:
        """Return every network and average by the prefix of its tensors in a checkpoint."""
        return {
            **{f"networks/{name}/": network for name, network in self.system.networks.items()},
            **{f"averages/{name}/": network for name, network in self.averages.items()},
        }


def _optimizer(
    chosen: Optimizer, parameters: list[nn.Parameter], device: torch.device
) -> torch.optim.Optimizer:
    """Return the optimizer; on a GPU rate and state are tensors there, so it can be recorded."""
    is_cuda = device.type == "cuda"
    rate = torch.tensor(chosen.learning_rate, device=device) if is_cuda else chosen.learning_rate
    if chosen.kind == "sgd":
        return SGD(
            parameters,
            rate,
            momentum=chosen.momentum,
            weight_decay=chosen.weight_decay,
            fused=is_cuda or None,
        )
    how: dict[str, Any] = {
        "lr": rate,
        "betas": chosen.betas,
        "weight_decay": chosen.weight_decay,
        "fused": True,  # several times as fast as the loop over parameters, on a CPU too
        "capturable": is_cuda,
    }
    if chosen.has_epsilon_under_root:
        return AdamUnderRoot(parameters, epsilon=chosen.epsilon, **how)
    kind = Adam if chosen.kind == "adam" else AdamW
    return kind(parameters, eps=chosen.epsilon, **how)


def _restore_optimizer(
    optimizer: torch.optim.Optimizer,
    parameters: Mapping[str, nn.Parameter],
    slots: Mapping[str, Tensor],
) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for number, (key, parameter) in enumerate(parameters.items()):
        for path, value in slots.items():
            slot, _, owner = path.partition("/")
            if owner != key:
                continue
            if value.shape == parameter.shape:
                value = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
            state.setdefault(number, {})[slot] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _slot_shape(name: str, slots: Mapping[str, Mapping[str, nn.Parameter]]) -> torch.Size | None:
    for prefix, parameters in slots.items():
        if name.startswith(prefix):
            slot, _, key = name.removeprefix(prefix).partition("/")
            if key not in parameters:
                return None
            return torch.Size() if slot == "step" else parameters[key].shape
    return None


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
