"""The likelihood of pictures by levels, where every level is one Gaussian: closed forms."""

import math

import pytest
import torch
from torch import Tensor, nn

from predictor.analysis.multiscale_likelihood import multiscale_likelihood
from predictor.metrics import SIGMAS
from predictor.networks.dense_generator import DenseGeneratorConfig
from predictor.networks.laplacian import LaplacianGenerator, LaplacianGeneratorConfig
from predictor.networks.laplacian_detail import DetailGeneratorConfig
from predictor.pyramid import laplacian_pyramid, resized

SIDES = (4, 7, 14)


def always_grey() -> LaplacianGenerator:
    """Return a chain whose levels make zeros of any latent."""
    coarsest = DenseGeneratorConfig(
        (3, 4, 4), 5, "uniform", hidden=(6,), activations=("relu",), units="standardized"
    )
    finer = tuple(DetailGeneratorConfig((3, s, s), planes=(4,), kernels=(3, 3)) for s in SIDES[1:])
    network = LaplacianGenerator(LaplacianGeneratorConfig(coarsest, finer, units="signed"))
    for weight in network.parameters():
        nn.init.zeros_(weight)
    return network.eval()


def pictures(count: int) -> Tensor:
    """Return pictures that vary at every level."""
    coarse, fine = torch.rand(count, 3, 4, 4) * 2 - 1, torch.rand(count, 3, 14, 14) * 2 - 1
    return (resized(coarse, (14, 14)) + fine) / 2


def levels_of(images: Tensor) -> list[Tensor]:
    coarsest, details = laplacian_pyramid(images, [(side, side) for side in SIDES])
    return [coarsest, *(detail for _, detail in details)]


def log_normal(values: Tensor, sigma: float) -> Tensor:
    squares = values.double().flatten(1).square().sum(1)
    size = values[0].numel()
    return -squares / (2 * sigma**2) - size * math.log(sigma * math.sqrt(2 * math.pi))


def test_levels_add_up_and_each_has_the_width_that_suits_the_pictures_to_choose_by() -> None:
    torch.manual_seed(0)
    test, choosing = pictures(5), 0.2 * pictures(4)
    widths, total = [], torch.zeros(5, dtype=torch.float64)
    for ours, theirs in zip(levels_of(choosing), levels_of(test), strict=True):
        widths.append(max(SIGMAS, key=lambda sigma: float(log_normal(ours, sigma).mean())))
        total += log_normal(theirs, widths[-1])
    suiting = [max(SIGMAS, key=lambda s: float(log_normal(x, s).mean())) for x in levels_of(test)]
    assert widths != suiting
    found = multiscale_likelihood(always_grey(), test, choosing, samples=6, details=3)
    assert found.nats == pytest.approx(total.mean().item(), rel=1e-6)
    error = total.std(correction=0).item() / math.sqrt(5)
    assert found.standard_error_nats == pytest.approx(error, rel=1e-5)
    assert found.sigma == widths[0]
