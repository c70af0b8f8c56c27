"""Running statistics of batch normalization: measured on chosen examples, or kept fixed."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

Normalization = nn.BatchNorm1d | nn.BatchNorm2d


@torch.no_grad()
def measure_statistics(
    network: nn.Module, run: Callable[[Tensor], Any], batches: Iterable[Tensor]
) -> None:
    """Set the running statistics of every batch normalization of `network` to those of `batches`.

    `run` passes one batch through the network, in which each layer normalizes by the batch. A layer
    gets the unweighted mean over the batches of their means and of their biased variances, as in
    the code that Radford et al. 2015 released for their features. If there is no batch, or if `run`
    raises, nothing changes.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, Normalization)]
    seen: dict[nn.Module, list[Tensor]] = {layer: [] for layer in layers}

    def note(layer: nn.Module, arguments: tuple[Tensor]) -> None:
        values = arguments[0].double().transpose(0, 1).flatten(1)
        seen[layer].append(torch.stack([values.mean(1), values.var(1, correction=0)]))

    kept = [(layer.training, layer.track_running_stats) for layer in layers]
    hooks = [layer.register_forward_pre_hook(note) for layer in layers]
    try:
        for layer in layers:
            layer.training, layer.track_running_stats = True, False
        for batch in batches:
            run(batch)
    finally:
        for layer, hook, (mode, is_tracking) in zip(layers, hooks, kept, strict=True):
            hook.remove()
            layer.training, layer.track_running_stats = mode, is_tracking
    for layer in layers:
        if layer.running_mean is None or layer.running_var is None or not seen[layer]:
            continue
        mean, variance = torch.stack(seen[layer]).mean(0)
        layer.running_mean.copy_(mean)
        layer.running_var.copy_(variance)


@contextlib.contextmanager
def held_statistics(network: nn.Module) -> Iterator[None]:
    """Keep the running statistics of `network` fixed during forward passes inside the block.

    In training mode these passes still normalize by their own batch. It is for passes of examples
    that should not contribute to the statistics used in evaluation.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, Normalization)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    try:
        yield
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum


class WithoutGain(nn.Module):
    """A normalization without gain, followed by a bias for each channel.

    Salimans et al. 2016. The bias is a parameter of this module because on a GPU PyTorch computes
    no gradient for the bias of a batch normalization that has no gain.
    """

    def __init__(self, normalize: Normalization) -> None:
        super().__init__()
        self.normalize = normalize
        self.bias = nn.Parameter(torch.zeros(normalize.num_features))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return `inputs` ``(N, C, ...)`` normalized, plus the bias."""
        return self.normalize(inputs) + self.bias.reshape(-1, *[1] * (inputs.ndim - 2))
