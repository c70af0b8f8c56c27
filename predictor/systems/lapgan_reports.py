"""Validation scores and previews of a run of ``lapgan``: of each level, and of all chained."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from predictor.analysis.likelihood import best_window
from predictor.analysis.multiscale_likelihood import generated_details
from predictor.analysis.sheets import sheet
from predictor.image_sampler import ImageSampler
from predictor.media.images import write_png
from predictor.metrics import parzen_log_likelihood
from predictor.pyramid import laplacian_pyramid, resized
from predictor.systems.image_reports import (
    VALIDATION_SEED,
    first_images,
    made_variance_share,
    parzen_validation,
    write_preview,
)
from predictor.systems.phases import VARIANCE_SHARE, Batch, Networks

PREVIEW_ROWS = 8

PIXELS = "pixels"
"""The network that no phase updates: it holds the mean and deviation of every pixel."""


@dataclass(frozen=True)
class Levels:
    """The levels of a pyramid that a run trains, and the sizes of their validation."""

    sizes: tuple[int, ...]
    trained: tuple[int, ...]
    has_labels: bool
    is_blurred: bool
    samples: int
    """Samples of the Parzen window."""
    images: int
    """Held-out pictures that are measured by it."""
    detail_images: int
    """Held-out pictures for whose coarse versions details are generated."""
    detail_samples: int
    """Details generated for each of those."""

    @property
    def is_whole(self) -> bool:
        """Whether all levels are trained."""
        return self.trained == self.sizes

    def pyramid(
        self, networks: Networks, images: Tensor
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """Return `laplacian_pyramid` of pictures in [-1, 1], in the units of the networks."""
        pixels: Any = networks[PIXELS]
        sizes = [(size, size) for size in self.sizes]
        return laplacian_pyramid(pixels.encoded(images), sizes, self.is_blurred)


def measured_levels(
    levels: Levels, networks: Networks, whole: nn.Module | None, batches: Iterable[Batch]
) -> dict[str, float]:
    """Return scores of held-out pictures, in the units of the networks.

    ``nearest_l2_SIZE``: the distance of a true detail to the nearest of those generated for the
    same coarse picture; it selects checkpoints in the code of Denton et al. 2015. ``parzen_nats``:
    the log-likelihood under samples of the chain `whole`, or of the coarsest level if the run
    trains that alone; with the latter also ``made_variance_share``, which falls to 0 where a class
    has collapsed to one picture. ``multiscale_parzen_nats``, if all levels are trained: the sum
    over the levels of the log-likelihood given the true coarse picture.
    """
    batch = first_images(batches, levels.images)
    coarsest, details = levels.pyramid(networks, batch["image"])
    numbers: dict[str, float] = {}
    if whole is not None:
        numbers |= parzen_validation(whole, [batch], levels.samples, levels.images)
    likelihood = 0.0
    for number, size in enumerate(levels.sizes):
        if size not in levels.trained:
            continue
        if number == 0:
            sampler = ImageSampler(networks[f"generator-{size}"], coarsest.device)
            drawn = range(levels.samples)
            latents = sampler.latents(VALIDATION_SEED, drawn)
            labels = sampler.labels(drawn)
            samples = sampler.values(latents, labels)
            nats, sigma = best_window(coarsest.cpu(), samples)
            if whole is None:
                share = made_variance_share(samples, coarsest, labels)
                numbers |= {"parzen_nats": nats, "parzen_sigma": sigma, VARIANCE_SHARE: share}
        else:
            coarse, detail = (part[: levels.detail_images] for part in details[number - 1])
            own = batch["label"][: levels.detail_images] if levels.has_labels else None
            made = _details(networks[f"generator-{size}"], coarse, own, levels.detail_samples)
            nearest, nats = detail_scores(detail, made)
            numbers[f"nearest_l2_{size}"] = nearest
        likelihood += nats
    if levels.is_whole:
        numbers["multiscale_parzen_nats"] = likelihood
    return numbers


def detail_scores(detail: Tensor, made: Tensor) -> tuple[float, float]:
    """Return the mean distance to the nearest generated detail, and the mean log-likelihood.

    `detail` is ``(N, C, H, W)``, `made` ``(N, M, C, H, W)``. The distance is the smallest L2
    distance among M, averaged over N; the likelihood is that under a Parzen window on the M details
    in nats, for the width that gives the highest mean.
    """
    distances = (made - detail[:, None]).flatten(2).norm(dim=2)
    nearest = float(distances.amin(dim=1).mean())
    rows = [
        parzen_log_likelihood(true[None].cpu(), samples.cpu())[:, 0]
        for true, samples in zip(detail, made, strict=True)
    ]
    return nearest, float(torch.stack(rows).mean(dim=0).amax())


def _details(generator: Any, coarse: Tensor, labels: Tensor | None, count: int) -> Tensor:
    """Return `count` details ``(N, count, C, H, W)`` for each coarse picture."""
    made = generated_details(generator, coarse, labels, count, VALIDATION_SEED)
    return torch.stack(list(made))


def level_preview(
    levels: Levels, networks: Networks, whole: nn.Module | None, batch: Batch, folder: Path
) -> None:
    """Write ``samples.png`` of the chain, and for each finer level ``level-SIZE.png``.

    Each row of the latter is a held-out picture, its coarse version, and three pictures that
    generated details make of that.
    """
    images = batch["image"][:PREVIEW_ROWS]
    labels = batch["label"][:PREVIEW_ROWS] if levels.has_labels else None
    _, details = levels.pyramid(networks, images)
    if whole is not None:
        write_preview(whole, images.device, folder)
    for number, size in enumerate(levels.sizes):
        if size not in levels.trained:
            continue
        if number == 0:
            if whole is None:
                write_preview(networks[f"generator-{size}"], images.device, folder)
            continue
        coarse, detail = details[number - 1]
        made = coarse[:, None] + _details(networks[f"generator-{size}"], coarse, labels, 3)
        rows = torch.cat(((coarse + detail)[:, None], coarse[:, None], made), dim=1)
        shown = _shown(networks, rows.flatten(0, 1))
        write_png(folder / f"level-{size}.png", sheet(shown, rows.shape[1]))


def _shown(networks: Networks, values: Tensor) -> Tensor:
    """Return pictures of a level in [-1, 1]; statistics of pixels are resized to its size."""
    pixels: Any = networks[PIXELS]
    size = (values.shape[-2], values.shape[-1])
    if pixels.units != "standardized" or pixels.mean.shape[-2:] == size:
        return pixels.decoded(values).cpu()
    mean, deviation = (resized(b[None], size) for b in (pixels.mean, pixels.deviation))
    return (values * deviation + mean).clamp(-1, 1).cpu()
