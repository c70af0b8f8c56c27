"""The likelihood of pictures level by level of a pyramid (Denton et al. 2015, section 5.1)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from predictor.analysis.likelihood import Likelihood, of_values
from predictor.image_sampler import ImageSampler
from predictor.latents import picture_latents
from predictor.metrics import SIGMAS, parzen_log_likelihood
from predictor.model_files import DISCRIMINATOR, companion_file
from predictor.networks.laplacian import LaplacianGenerator
from predictor.pyramid import laplacian_pyramid
from predictor.weights import read_metadata

DETAILS = 100
"""Samples of the detail of each picture."""


def has_blurred_pyramid(model: Path) -> bool | None:
    """Return how the pictures that the pyramid `model`, a file, learned from were halved.

    The discriminator released beside it says so; None where it is not there. Raises `UnknownModel`,
    `DamagedWeights`.
    """
    beside = companion_file(model, DISCRIMINATOR)
    return bool(read_metadata(beside).config.get("is_blurred")) if beside.is_file() else None


def multiscale_likelihood(
    generator: LaplacianGenerator,
    test: Tensor,
    choosing: Tensor,
    *,
    samples: int = 1000,
    details: int = DETAILS,
    labels: tuple[Tensor, Tensor] | None = None,
    seed: int = 0,
    is_blurred: bool = False,
) -> Likelihood:
    """Return the sum over the levels of the log-likelihoods of pictures ``(N, C, H, W)``.

    The coarsest level of a picture is measured under `samples` of its generator, the detail of
    every other one under `details` generated for the picture's own coarse version. Each level has
    a width of its own, chosen on `choosing`; the one returned is the coarsest's. Both sets of
    pictures are in [-1, 1], measured in the units of the network; `labels` are theirs where it has
    classes.
    """
    levels: list[Any] = [generator.coarsest, *generator.finer]
    sizes = [(level.config.shape[1], level.config.shape[2]) for level in levels]
    device = next(generator.parameters()).device
    coarsest = ImageSampler(levels[0], device)
    numbers = range(samples)
    drawn = coarsest.values(coarsest.latents(seed, numbers), coarsest.labels(numbers))
    chosen, wanted = (
        _densities(
            levels,
            laplacian_pyramid(generator.units.encoded(images.to(device)), sizes, is_blurred),
            drawn,
            details,
            None if labels is None else labels[number].to(device),
            seed,
        )
        for number, images in enumerate((choosing, test))
    )
    best = [int(level.mean(dim=1).argmax()) for level in chosen]
    total = torch.stack([level[width] for level, width in zip(wanted, best, strict=True)]).sum(0)
    return of_values(total, SIGMAS[best[0]])


def _densities(
    levels: list[Any],
    pyramid: tuple[Tensor, list[tuple[Tensor, Tensor]]],
    drawn: Tensor,
    count: int,
    labels: Tensor | None,
    seed: int,
) -> list[Tensor]:
    """Return for each level the log-likelihoods ``(widths, N)``."""
    coarsest, details = pyramid
    found = [parzen_log_likelihood(coarsest.cpu(), drawn)]
    for level, (coarse, true) in zip(levels[1:], details, strict=True):
        made = generated_details(level, coarse, labels, count, seed)
        columns = [
            parzen_log_likelihood(detail[None].cpu(), samples.cpu())[:, 0]
            for detail, samples in zip(true, made, strict=True)
        ]
        found.append(torch.stack(columns, dim=1))
    return found


@torch.no_grad()
def generated_details(
    generator: Any, coarse: Tensor, labels: Tensor | None, count: int, seed: int
) -> Iterator[Tensor]:
    """Yield `count` details ``(count, C, H, W)`` for each coarse picture ``(N, C, H, W)``."""
    for number, picture in enumerate(coarse):
        numbers = range(number * count, (number + 1) * count)
        latents = picture_latents(
            generator.distribution, (generator.latent_width,), seed, numbers
        ).to(picture.device)
        own = None if labels is None else labels[number].expand(count)
        yield generator(latents, picture.expand(count, *picture.shape), own).float()
