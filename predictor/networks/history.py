"""The mean over time of a network's parameters."""

import torch
from torch import Tensor, nn


class ParameterHistory(nn.Module):
    """Keeps the mean over time of all parameters of a network, as buffers.

    In a system it is a network that no phase updates, so that the means are saved with the run.
    Salimans et al. 2016, section 3.3, as an online average.
    """

    count: Tensor

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self._names = []
        for number, parameter in enumerate(network.parameters()):
            name = f"mean_{number}"
            self.register_buffer(name, torch.zeros_like(parameter))
            self._names.append(name)

    @torch.no_grad()
    def updated_means(self, network: nn.Module) -> list[Tensor]:
        """Include the present parameters of `network` and return the means, in their order."""
        self.count += 1
        means = [self.get_buffer(name) for name in self._names]
        for mean, parameter in zip(means, network.parameters(), strict=True):
            mean += (parameter - mean) / self.count
        return means
