"""What a run of ``lapgan`` measures and shows: each level by itself, and the chain of all."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from predictor.analysis.multiscale_likelihood import generated_details
from predictor.analysis.sheets import sheet
from predictor.image_sampler import ImageSampler
from predictor.media.images import write_png
from predictor.metrics import parzen_log_likelihood
from predictor.pyramid import laplacian_pyramid, resized
from predictor.systems.image_reports import (
    VALIDATION_SEED,
    best_parzen,
    first_images,
    parzen_validation,
    write_preview,
)
from predictor.systems.phases import Batch, Networks

PREVIEW_ROWS = 8


@dataclass(frozen=True)
class Levels:
    """What a run trains of a pyramid, and how many pictures it is measured on."""

    sizes: tuple[int, ...]
    trained: tuple[int, ...]
    has_labels: bool
    is_blurred: bool
    samples: int
    """Under whose Parzen window pictures are measured."""
    images: int
    detail_images: int
    """Whose details are measured."""
    detail_samples: int
    """Generated for each of them."""

    @property
    def is_whole(self) -> bool:
        """Whether all levels are there."""
        return self.trained == self.sizes

    def taken_apart(
        self, networks: Networks, images: Tensor
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """Return the pyramid of pictures in [-1, 1], in the units of the networks."""
        pixels: Any = networks["pixels"]
        sizes = [(size, size) for size in self.sizes]
        return laplacian_pyramid(pixels.encoded(images), sizes, self.is_blurred)


def measured_levels(
    levels: Levels, networks: Networks, whole: nn.Module | None, batches: Iterable[Batch]
) -> dict[str, float]:
    """Return what is measured of held-out pictures, in the units of the networks.

    ``nearest_l2_SIZE``: of the details generated for a real coarse look the distance of the nearest
    to the true one, which chooses the checkpoints in the code of Denton et al. 2015.
    ``parzen_nats``: under samples of the chain `whole`, or of the coarsest level where only that is
    trained. ``multiscale_parzen_nats``: the sum over the levels of the log-likelihood of a level
    under its samples for the true coarse look, where all are there.
    """
    batch = first_images(batches, levels.images)
    coarsest, details = levels.taken_apart(networks, batch["image"])
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
            samples = sampler.values(latents, sampler.labels(drawn))
            found, sigma = best_parzen(coarsest.cpu(), samples)
            if whole is None:
                numbers |= {"parzen_nats": found, "parzen_sigma": sigma}
        else:
            look, detail = (part[: levels.detail_images] for part in details[number - 1])
            labels = batch["label"][: levels.detail_images] if levels.has_labels else None
            made = _details(networks[f"generator-{size}"], look, labels, levels.detail_samples)
            nearest, found = detail_scores(detail, made)
            numbers[f"nearest_l2_{size}"] = nearest
        likelihood += found
    if levels.is_whole:
        numbers["multiscale_parzen_nats"] = likelihood
    return numbers


def detail_scores(detail: Tensor, made: Tensor) -> tuple[float, float]:
    """Return how near the generated details come to the true one, and its log-likelihood.

    `detail` is ``(N, C, H, W)``, `made` ``(N, M, C, H, W)``. The first number is the mean over N of
    the smallest L2 distance among M; the second the mean Parzen log-likelihood in nats, for the
    width that suits it best.
    """
    distances = (made - detail[:, None]).flatten(2).norm(dim=2)
    nearest = float(distances.amin(dim=1).mean())
    rows = [
        parzen_log_likelihood(true[None].cpu(), samples.cpu())[:, 0]
        for true, samples in zip(detail, made, strict=True)
    ]
    return nearest, float(torch.stack(rows).mean(dim=0).amax())


def _details(generator: Any, coarse: Tensor, labels: Tensor | None, count: int) -> Tensor:
    """Return `count` details ``(N, count, C, H, W)`` for each coarse look."""
    made = generated_details(generator, coarse, labels, count, VALIDATION_SEED)
    return torch.stack(list(made))


def level_preview(
    levels: Levels, networks: Networks, whole: nn.Module | None, batch: Batch, folder: Path
) -> None:
    """Write ``samples.png`` of the chain, and for each finer level ``level-SIZE.png``.

    A row of that is a held-out picture, its coarse look, and the look with three details added.
    """
    images = batch["image"][:PREVIEW_ROWS]
    labels = batch["label"][:PREVIEW_ROWS] if levels.has_labels else None
    _, details = levels.taken_apart(networks, images)
    if whole is not None:
        write_preview(whole, images.device, folder)
    for number, size in enumerate(levels.sizes):
        if size not in levels.trained:
            continue
        if number == 0:
            if whole is None:
                write_preview(networks[f"generator-{size}"], images.device, folder)
            continue
        look, detail = details[number - 1]
        made = look[:, None] + _details(networks[f"generator-{size}"], look, labels, 3)
        rows = torch.cat(((look + detail)[:, None], look[:, None], made), dim=1)
        shown = _shown(networks, rows.flatten(0, 1))
        write_png(folder / f"level-{size}.png", sheet(shown, rows.shape[1]))


def _shown(networks: Networks, values: Tensor) -> Tensor:
    """Return pictures of a level in [-1, 1]; what differs by pixel is resized to its size."""
    pixels: Any = networks["pixels"]
    size = (values.shape[-2], values.shape[-1])
    if pixels.units != "standardized" or pixels.mean.shape[-2:] == size:
        return pixels.decoded(values).cpu()
    mean, deviation = (resized(b[None], size) for b in (pixels.mean, pixels.deviation))
    return (values * deviation + mean).clamp(-1, 1).cpu()
