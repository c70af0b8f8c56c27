"""What every system of small pictures shows and measures during a run."""

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn

from predictor.analysis.sheets import sheet
from predictor.image_sampler import ImageSampler
from predictor.media.images import write_png
from predictor.metrics import SIGMAS, parzen_log_likelihood
from predictor.systems.phases import Batch

PREVIEW_SEED = 0
"""Of the latents that previews always show, so that a person can watch them change."""

VARIANCE_SHARE = "made_variance_share"
"""How systems call `variance_share` among what they validate; the loop warns by it."""

VALIDATION_SEED = 1
PREVIEW_COUNT = 100
COLUMNS = 10


def write_preview(generator: nn.Module, device: torch.device, folder: Path) -> None:
    """Write ``samples.png``: a hundred pictures, always of the same latents, a class a column."""
    sampler = ImageSampler(generator, device)
    count = PREVIEW_COUNT
    columns = sampler.classes if sampler.classes and sampler.classes <= 20 else COLUMNS
    write_png(folder / "samples.png", sheet(sampler.sampled(count, PREVIEW_SEED), columns))


def parzen_validation(
    generator: nn.Module, batches: Iterable[Batch], samples: int, points: int
) -> dict[str, float]:
    """Return the Parzen log-likelihood of held-out pictures, and the share of repeated samples.

    ``parzen_nats`` is the mean over the first `points` of them for the width, ``parzen_sigma``,
    that suits them best: a number to choose checkpoints by, not to report. Pixels are in the units
    of the network, in [0, 1] for one that works in [-1, 1]. ``closest_pair`` is the smallest
    distance of two among a hundred samples over the mean one: it falls to 0 when the generator
    repeats itself. ``made_variance_share``: see `variance_share`.
    """
    held_out = first_images(batches, points)["image"]
    share = variance_share(generator, held_out)
    sampler = ImageSampler(generator, held_out.device)
    numbers = range(samples)
    latents = sampler.latents(VALIDATION_SEED, numbers)
    drawn, units = sampler.values(latents, sampler.labels(numbers)), sampler.network.units
    held_out = units.encoded(held_out).cpu()
    if units.units == "signed":
        held_out, drawn = (held_out + 1) / 2, (drawn + 1) / 2
    best, sigma = best_parzen(held_out, drawn)
    distances = torch.pdist(drawn[:PREVIEW_COUNT].flatten(1))
    spread = distances.min() / distances.mean().clamp_min(1e-12)
    return {
        "parzen_nats": best,
        "parzen_sigma": sigma,
        "closest_pair": float(spread),
        VARIANCE_SHARE: share,
    }


def variance_share(generator: nn.Module, real: Tensor) -> float:
    """Return how much a hundred samples vary, over real pictures ``(N, C, H, W)`` in [-1, 1].

    Near 0 all samples are one picture; of a generator with classes, all of any class.
    """
    sampler = ImageSampler(generator, real.device)
    made = sampler.sampled(PREVIEW_COUNT, PREVIEW_SEED)
    kinds = [made]
    if sampler.classes is not None:
        labels = torch.tensor(sampler.labels(range(PREVIEW_COUNT)))
        kinds = [made[labels == label] for label in range(sampler.classes)]
    apart = [kind.var(dim=0).sum() for kind in kinds if len(kind) > 1]
    if not apart or len(real) < 2:
        return 1.0
    usual = real.float().cpu().var(dim=0).sum().clamp_min(1e-12)
    return float(torch.stack(apart).mean() / usual)


def first_images(batches: Iterable[Batch], count: int) -> dict[str, Tensor]:
    """Return the first `count` examples of `batches` as one batch, or all if there are fewer."""
    found: dict[str, list[Tensor]] = {}
    for batch in batches:
        for name, value in batch.items():
            found.setdefault(name, []).append(value)
        if sum(map(len, found["image"])) >= count:
            break
    return {name: torch.cat(values)[:count] for name, values in found.items()}


def best_parzen(points: Tensor, samples: Tensor) -> tuple[float, float]:
    """Return the highest mean log-likelihood of `points` over the usual widths, and its width."""
    found = parzen_log_likelihood(points, samples).mean(dim=1)
    best = int(found.argmax())
    return float(found[best]), SIGMAS[best]


def pixel_statistics(examples: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Return mean and deviation ``(C, H, W)`` of every pixel over pictures ``(C, H, W)``."""
    count, total, squares = 0, torch.zeros(()).double(), torch.zeros(()).double()
    for image in examples:
        image = image.double()
        count, total, squares = count + 1, total + image, squares + image.square()
    mean = total / count
    return mean.float(), (squares / count - mean.square()).clamp_min(0).sqrt().float()
