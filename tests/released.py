"""Networks of few weights, released to files."""

from pathlib import Path
from typing import Any

import torch

from predictor.networks import NETWORKS
from predictor.weights import Provenance, save_network

NOWHERE = Provenance(
    data="none", licence="MIT", commercial_use=True, command="none", commit="none",
    iterations=0, training_time_s=0, hardware="none",
)  # fmt: skip
"""Where networks come from that nobody trained."""


def released(
    path: Path, network: str, task: str, deviation: float | None = None, **config: Any
) -> str:
    """Write the network of that name to `path` and return that.

    Its weights are as it begins, the same every time; with `deviation` they are all drawn around 0.
    """
    config_type, module = NETWORKS[network]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = module(config_type(**config))
        for weight in made.parameters() if deviation is not None else ():
            torch.nn.init.normal_(weight, std=deviation)
    save_network(path, network, made, NOWHERE, task=task)
    return str(path)
