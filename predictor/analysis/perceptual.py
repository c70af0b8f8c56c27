"""ST-LPIPS, a learned distance between pictures, if the package stlpips-pytorch is installed.

Ghildyal and Liu 2022, on AlexNet. It is used for measuring only, not by the tool.
"""

import logging
import warnings
from collections.abc import Callable

import torch
from torch import Tensor

_logger = logging.getLogger(__name__)

PACKAGE = "stlpips_pytorch"

Distance = Callable[[Tensor, Tensor], Tensor]


def perceptual_distance() -> Distance | None:
    """Return ST-LPIPS of two batches ``(N, 3, H, W)`` in [-1, 1] as ``(N,)``, or None.

    Its weights are read without unpickling. A warning says which package is missing where only one
    that stlpips-pytorch imports without declaring it is.
    """
    try:
        from stlpips_pytorch import stlpips
    except ImportError as error:
        missing = error.name or str(error)
        if missing.partition(".")[0] != PACKAGE:
            _logger.warning(
                "ST-LPIPS is left out: stlpips-pytorch needs the package %s, which is not "
                "installed",
                missing,
            )
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = stlpips.LPIPS(net="alex", variant="shift_tolerant", verbose=False).eval()

    @torch.no_grad()
    def distance(first: Tensor, second: Tensor) -> Tensor:
        found: Tensor = network(first.float(), second.float())
        return found.flatten()

    return distance
