"""Validation scores and previews that the systems of small pictures share."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from predictor.analysis.features import FeatureExtractor
from predictor.analysis.likelihood import best_window
from predictor.analysis.sheets import sheet
from predictor.image_sampler import BATCH, ImageSampler
from predictor.media.images import write_png
from predictor.metrics import frechet_distance, whitened
from predictor.networks.dcgan import (
    DcganDiscriminator,
    DcganDiscriminatorConfig,
    usual_maps,
)
from predictor.networks.pixel_units import PixelUnits
from predictor.systems.phases import VARIANCE_SHARE, Batch, Networks, TrainingDataset

PREVIEW_SEED = 0
"""Seed of the latents in every preview: the same ones, so that a person can watch them change."""

VALIDATION_SEED = 1
FRECHET = "whitened_frechet_distance"
"""The number by which `frechet_validation` ranks the checkpoints of a run."""

PREVIEW_COUNT = 100
_AT_ONCE = 1000
COLUMNS = 10


def write_preview(generator: nn.Module, device: torch.device, folder: Path) -> None:
    """Write ``samples.png``: a hundred pictures of the same latents each time, a column a class."""
    sampler = ImageSampler(generator, device)
    count = PREVIEW_COUNT
    columns = sampler.classes if sampler.classes and sampler.classes <= 20 else COLUMNS
    write_png(folder / "samples.png", sheet(sampler.sampled(count, PREVIEW_SEED), columns))


def generator_preview(networks: Networks, batch: Batch, folder: Path) -> None:
    """Write `write_preview` of the network ``generator``: the preview of most systems."""
    write_preview(networks["generator"], batch["image"].device, folder)


def parzen_validation(
    generator: nn.Module, batches: Iterable[Batch], samples: int, points: int
) -> dict[str, float]:
    """Return the Parzen log-likelihood of held-out pictures, and two signs of repetition.

    ``parzen_nats`` is the mean over the first `points` pictures under the window of the best width,
    ``parzen_sigma``. Since the width is chosen on the same pictures, it may select a checkpoint but
    must not be reported. Pixels are in the units of the network, in [0, 1] for one that works in
    [-1, 1]. ``closest_pair`` is the smallest distance between two of a hundred samples, divided by
    the mean distance: it falls to 0 when the generator repeats itself. ``made_variance_share``: see
    the function of that name.
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
    best, sigma = best_window(held_out, drawn)
    distances = torch.pdist(drawn[:PREVIEW_COUNT].flatten(1))
    spread = distances.min() / distances.mean().clamp_min(1e-12)
    return {
        "parzen_nats": best,
        "parzen_sigma": sigma,
        "closest_pair": float(spread),
        VARIANCE_SHARE: share,
    }


@torch.no_grad()
def frechet_validation(generator: nn.Module, batches: Iterable[Batch]) -> dict[str, float]:
    """Return the Fréchet distance of samples from as many real pictures, and their variance.

    ``whitened_frechet_distance`` is of the features of a narrow discriminator with random weights,
    the same ones in every run: it ranks the checkpoints of a run and means nothing across data
    sets. The features are whitened, since brightness and contrast have most of their variance and
    would outweigh what the pictures show: smudges of the right contrast would win. It is divided
    by the number of features. ``made_variance_share``: see `variance_share`. Nothing is returned
    for fewer than two pictures.
    """
    real = [batch["image"].float() for batch in batches]
    count = sum(map(len, real))
    if count < 2:
        return {}
    device = real[0].device
    made = ImageSampler(generator, device).sampled(count, VALIDATION_SEED)
    extractor = _random_features(real[0])
    extractor.measure(real[:1])
    real_features, made_features = (
        torch.cat([extractor.means(images) for images in side])
        for side in (real, torch.split(made, BATCH))
    )
    features = whitened(torch.cat([real_features, made_features]), real_features)
    distance = frechet_distance(*torch.split(features, count))
    return {
        FRECHET: distance / real_features.shape[1],
        VARIANCE_SHARE: variance_share(generator, torch.cat(real)),
    }


def _random_features(images: Tensor) -> FeatureExtractor:
    """Return an extractor for such `images` whose random weights are always the same."""
    channels, height, width = images.shape[1:]
    size = (height, width)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = DcganDiscriminator(
            DcganDiscriminatorConfig(size=size, channels=channels, maps=usual_maps(size, 32))
        )
    return FeatureExtractor(network, images.device)


def variance_share(generator: nn.Module, real: Tensor) -> float:
    """Return `made_variance_share` of a hundred samples; `real` is ``(N, C, H, W)`` in [-1, 1]."""
    sampler = ImageSampler(generator, real.device)
    made = sampler.sampled(PREVIEW_COUNT, PREVIEW_SEED)
    return made_variance_share(made, real, sampler.labels(range(PREVIEW_COUNT)))


def made_variance_share(made: Tensor, real: Tensor, labels: list[int] | None = None) -> float:
    """Return the pixel variance of samples as a share of that of real pictures.

    Both are ``(N, C, H, W)`` in the same units. Near 0 all samples look alike. With the `labels` of
    the samples it is the mean of the variances within each class, so that it also falls to 0 where
    each class has collapsed to one picture.
    """
    groups = [made]
    if labels is not None:
        own = torch.tensor(labels)
        groups = [made[own == label] for label in sorted(set(labels))]
    variances = [group.var(dim=0).sum() for group in groups if len(group) > 1]
    if not variances or len(real) < 2:
        return 1.0
    expected = real.float().cpu().var(dim=0).sum().clamp_min(1e-12)
    return float(torch.stack(variances).mean() / expected)


def first_images(batches: Iterable[Batch], count: int) -> dict[str, Tensor]:
    """Return the first `count` examples of `batches` as one batch, or all if there are fewer."""
    found: dict[str, list[Tensor]] = {}
    for batch in batches:
        for name, value in batch.items():
            found.setdefault(name, []).append(value)
        if sum(map(len, found["image"])) >= count:
            break
    return {name: torch.cat(values)[:count] for name, values in found.items()}


def pixel_statistics(examples: TrainingDataset) -> tuple[Tensor, Tensor]:
    """Return mean and deviation ``(C, H, W)`` of every pixel over all pictures."""
    count, total, squares = len(examples), torch.zeros(()).double(), torch.zeros(()).double()
    for start in range(0, count, _AT_ONCE):
        keys = [(0, number) for number in range(start, min(start + _AT_ONCE, count))]
        images = _images_of(examples, keys).double()
        total, squares = total + images.sum(0), squares + images.square().sum(0)
    mean = total / count
    return mean.float(), (squares / count - mean.square()).clamp_min(0).sqrt().float()


def prepare_units(networks: Iterable[nn.Module], examples: TrainingDataset) -> None:
    """Give networks whose units depend on the training pictures their mean and deviation."""
    units: list[PixelUnits] = [network.units for network in networks]  # type: ignore[misc]
    if any(each.units == "standardized" for each in units):
        mean, deviation = pixel_statistics(examples)
        for each in units:
            each.prepare(mean, deviation)


def _images_of(examples: TrainingDataset, keys: Sequence[tuple[int, int]]) -> Tensor:
    whole_batch = getattr(examples, "__getitems__", None)
    if whole_batch is None:
        return torch.stack([examples[key]["image"] for key in keys])
    images: Tensor = whole_batch(keys)["image"]
    return images
