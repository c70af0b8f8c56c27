"""Statistics of batch normalization: measured anew on chosen examples, or held as they are."""

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
    """Give every batch normalization of `network` the statistics that it sees in `batches`.

    `run` passes one batch through the network. A layer gets the unweighted mean over the batches of
    their means, and of their biased variances, while the layers below it normalize by the batch: so
    does the code that Radford et al. 2015 released for their features. Without a batch, or where
    `run` or a batch raises, nothing changes.
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
    """Let the running statistics of `network` stay as they are in the passes inside the block.

    In training mode those passes still normalize by their own batch. For passes of examples whose
    statistics are not those that the network is to have later.
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
    """A normalization without weights, then a bias a channel: what follows may scale as it likes.

    Salimans et al. 2016. The bias is added by itself: on a GPU PyTorch has no gradient of one that
    a normalization without a gain adds.
    """

    def __init__(self, normalize: Normalization) -> None:
        super().__init__()
        self.normalize = normalize
        self.bias = nn.Parameter(torch.zeros(normalize.num_features))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return what is made of `inputs` ``(N, C, ...)``."""
        return self.normalize(inputs) + self.bias.reshape(-1, *[1] * (inputs.ndim - 2))
