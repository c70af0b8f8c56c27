"""Networks of every system; settings and weights files name them by the keys of `NETWORKS`."""

from typing import Any

from torch import nn

from predictor.networks.multiscale import (
    MultiscaleConfig,
    MultiscaleDiscriminators,
    MultiscaleDiscriminatorsConfig,
    MultiscaleGenerator,
)

NETWORKS: dict[str, tuple[type[Any], type[nn.Module]]] = {
    "multiscale": (MultiscaleConfig, MultiscaleGenerator),
    "multiscale-discriminators": (MultiscaleDiscriminatorsConfig, MultiscaleDiscriminators),
}
"""Config and module by name; ``module(config)`` builds the network."""
