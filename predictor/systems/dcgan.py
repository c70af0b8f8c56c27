"""DCGAN: convolutional networks that are trained against each other on pictures of one size.

Radford, Metz, Chintala 2015. The schedule of the updates is a setting; the class-conditional pair
of the released code is trained by the system ``conditional-gan``.
"""

import functools
import json
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor
from torch.utils.data import DataLoader, Subset

from predictor.analysis.duplicates import first_of_each
from predictor.analysis.features import FeatureExtractor
from predictor.data import ImageDataset, ImageSettings, split_images
from predictor.errors import UnusableData
from predictor.image_sampler import BATCH, ImageSampler
from predictor.latents import drawn_latents
from predictor.losses import fake_loss, non_saturating_generator_loss
from predictor.metrics import frechet_distance
from predictor.networks.dcgan import (
    DcganDiscriminator,
    DcganDiscriminatorConfig,
    usual_maps,
)
from predictor.systems.entry import TrainingData
from predictor.systems.image_reports import (
    VALIDATION_SEED,
    VARIANCE_SHARE,
    variance_share,
    write_preview,
)
from predictor.systems.phases import Batch, Networks, Phase, PhaseLoss, System
from predictor.systems.settings import NetworkSettings, OptimizerSettings, RunSettings
from predictor.systems.techniques import histories, loss_of_real, with_history
from predictor.whole_files import write_whole

_logger = logging.getLogger(__name__)

GENERATOR, DISCRIMINATOR = "generator", "discriminator"

_ADAM = OptimizerSettings(
    kind="adam",
    learning_rate=2e-4,
    final_learning_rate=2e-4,
    decay="linear",
    betas=(0.5, 0.999),
)


class DcganSettings(RunSettings):
    """A run of the system ``dcgan``; the defaults are the paper's for 64 x 64 (section 4).

    What `generator` and `discriminator` do not say of size, channels and maps follows from
    `images`.
    """

    iterations: int = 50_000
    batch_size: int = 128
    generator: NetworkSettings = NetworkSettings(network="dcgan")
    discriminator: NetworkSettings = NetworkSettings(network="dcgan-discriminator")
    generator_optimizer: OptimizerSettings = _ADAM
    discriminator_optimizer: OptimizerSettings = _ADAM
    schedule: Literal["alternating", "simultaneous", "odd_even"] = "alternating"
    """``alternating``: discriminator, then generator, each on latents of its own. ``simultaneous``:
    both gradients from the same latents, then both updates: the generator is judged by the
    discriminator as it was (Torch). ``odd_even``: even iterations train the generator, odd ones the
    discriminator (released code)."""
    real_target: float = Field(1.0, gt=0, le=1)
    """What the discriminator is to say of real pictures: below 1 for one-sided label smoothing
    (Salimans et al. 2016)."""
    historical_averaging: float = Field(0.0, ge=0)
    """Weight of the squared distance of both networks to the mean of where they have been (ibid.).
    """
    average_decay: float = Field(0.0, ge=0, lt=1)
    """Decay an iteration of the generator's exponential average; 0 keeps none, as published."""
    images: ImageSettings = ImageSettings(size=(64, 64))
    remove_duplicates: bool = False
    """Train on one of each group of near duplicates (the paper, for bedrooms)."""
    validation_images: int = Field(2000, ge=2)
    """Held-out pictures looked at during the run, at most."""

    @model_validator(mode="before")
    @classmethod
    def _networks_follow_the_images(cls, values: Any) -> Any:
        """Put the size of the images, and maps that suit it, where the networks do not say one."""
        if not isinstance(values, dict):
            return values
        given = values.get("images", {})
        given = given.model_dump() if isinstance(given, ImageSettings) else given
        try:
            images = ImageSettings.model_validate(
                {**cls.model_fields["images"].default.model_dump(), **given}
            )
        except (ValueError, TypeError):  # which the field will say again
            return values
        filled = dict(values)
        for name in (GENERATOR, DISCRIMINATOR):
            usual = cls.model_fields[name].default
            network = values.get(name, usual)
            network = network.model_dump() if isinstance(network, NetworkSettings) else network
            if isinstance(network, dict):
                filled[name] = _filled({**usual.model_dump(), **network}, images, name)
        return filled

    @model_validator(mode="after")
    def _fits(self) -> "DcganSettings":
        generator, discriminator = self.generator.config(), self.discriminator.config()
        for name, config in ((GENERATOR, generator), (DISCRIMINATOR, discriminator)):
            for field, wanted in (("size", self.images.size), ("channels", self.images.channels)):
                found = getattr(config, field, None)
                if found != wanted:
                    raise ValueError(f"{name}.{field} is {found}, images.{field} is {wanted}")
        return self


def _filled(network: dict[str, Any], images: ImageSettings, name: str) -> dict[str, Any]:
    filled = {"size": images.size, "channels": images.channels, **network}
    is_plain = network["network"] in ("dcgan", "dcgan-discriminator")
    if is_plain and not {"maps", "strides"} & network.keys():
        maps = usual_maps(images.size)
        filled["maps"] = maps[::-1] if name == GENERATOR else maps
    return filled


def build(settings: DcganSettings) -> System:
    """Return both networks and the phases that train them."""
    is_odd_even = settings.schedule == "odd_even"
    players = {
        GENERATOR: settings.generator.build(),
        DISCRIMINATOR: settings.discriminator.build(),
    }
    pull = settings.historical_averaging
    real = loss_of_real(settings.real_target)
    discriminator = Phase(
        name=DISCRIMINATOR,
        network=DISCRIMINATOR,
        loss=with_history(functools.partial(_discriminator_loss, real), DISCRIMINATOR, pull),
        optimizer=settings.discriminator_optimizer.optimizer(settings.iterations),
        when=functools.partial(_is_turn, 1) if is_odd_even else None,
    )
    generator = Phase(
        name=GENERATOR,
        network=GENERATOR,
        loss=with_history(functools.partial(_generator_loss, settings), GENERATOR, pull),
        optimizer=settings.generator_optimizer.optimizer(settings.iterations),
        draws_from=DISCRIMINATOR,
        when=functools.partial(_is_turn, 0) if is_odd_even else None,
    )
    return System(
        networks={**players, **histories(players, pull)},
        phases=(discriminator, generator),
        release=GENERATOR,
        companions=(DISCRIMINATOR,),
        averages={GENERATOR: settings.average_decay} if settings.average_decay else {},
        update="together" if settings.schedule == "simultaneous" else "in_turn",
        validate=validate,
        best_by=("frechet_distance", "min"),
        preview=preview,
    )


def open_data(settings: DcganSettings, path: Path, run: Path | None = None) -> TrainingData:
    """Return the pictures at `path`, in any format that `predictor.data.open_images` reads.

    The decoded pictures are kept in the folder `run`. Labels are not looked at.
    """
    found = split_images(
        path,
        settings.images,
        settings.seed,
        run,
        batch_size=settings.batch_size,
    )
    train = found.train
    if settings.remove_duplicates:
        train = _without_duplicates(train, settings, found.collection.stamp, run)
        if len(train) < settings.batch_size:
            raise UnusableData(
                f"{path} has {len(train)} pictures to train on without near duplicates, fewer than "
                f"a batch (batch_size={settings.batch_size})"
            )
    count = min(settings.validation_images, len(found.held_out))
    return TrainingData(
        train=train,
        validation=DataLoader(Subset(found.held_out, range(count)), batch_size=250),
        skipped=found.skipped,
    )


def _without_duplicates(
    examples: ImageDataset, settings: DcganSettings, stamp: str, run: Path | None
) -> ImageDataset:
    """Return the examples without near duplicates; which those are is kept in the folder `run`."""
    file = None if run is None else run / "unique-rows.json"
    kept: list[int] | None = None
    if file is not None and file.exists():
        stored = json.loads(file.read_text())
        kept = stored["rows"] if stored["of"] == stamp else None
    if kept is None:
        rows, packed = examples.rows, examples.packed
        chosen = first_of_each(
            lambda row: packed.picture(int(rows[row])), len(rows), seed=settings.seed
        )
        kept = [int(row) for row in rows[chosen]]
        if file is not None:
            write_whole(file, json.dumps({"of": stamp, "rows": kept}).encode())
    _logger.info("%d of %d pictures are near duplicates", len(examples) - len(kept), len(examples))
    return ImageDataset(examples.packed, kept, settings.images, settings.seed)


def _is_turn(remainder: int, iteration: int, losses: object) -> bool:
    return iteration % 2 == remainder


def _latents(networks: Networks, batch: Batch) -> Tensor:
    generator: Any = networks[GENERATOR]
    images = batch["image"]
    shape = (len(images), generator.latent_width)
    return drawn_latents(generator.distribution, shape, images.device)


def _discriminator_loss(
    real: Callable[[Tensor], Tensor], networks: Networks, batch: Batch, earlier: Batch
) -> PhaseLoss:
    """Return -ln D(x) - ln (1 - D(G(z))); real and made images are normalized apart."""
    discriminator = networks[DISCRIMINATOR]
    latents = _latents(networks, batch)
    with torch.no_grad():
        made = networks[GENERATOR](latents)
    return PhaseLoss(
        {
            "real": real(discriminator(batch["image"]).logits),
            "fake": fake_loss(discriminator(made).logits),
        },
        outputs={"latents": latents},
    )


def _generator_loss(
    settings: DcganSettings, networks: Networks, batch: Batch, earlier: Batch
) -> PhaseLoss:
    """Return -ln D(G(z)), where the schedule is simultaneous on the discriminator's latents."""
    latents = earlier.get("latents") if settings.schedule == "simultaneous" else None
    if latents is None:
        latents = _latents(networks, batch)
    logits = networks[DISCRIMINATOR](networks[GENERATOR](latents)).logits
    return PhaseLoss({"adversarial": non_saturating_generator_loss(logits)})


@torch.no_grad()
def validate(networks: Networks, batches: Iterable[Batch]) -> dict[str, float]:
    """Return how far as many made images are from the real ones, and how much they vary.

    ``frechet_distance`` is of the features that a narrow discriminator with random weights has, the
    same in every run: it ranks the states of one run and means nothing between data sets.
    ``made_variance_share``: see `variance_share`.
    """
    real = [batch["image"].float() for batch in batches]
    count = sum(map(len, real))
    if count < 2:
        return {}
    device = real[0].device
    made = ImageSampler(networks[GENERATOR], device).sampled(count, VALIDATION_SEED)
    extractor = _random_features(real[0])
    extractor.measure(real[:1])
    sides = [
        torch.cat([extractor.means(images) for images in side])
        for side in (real, torch.split(made, BATCH))
    ]
    return {
        "frechet_distance": frechet_distance(*sides),
        VARIANCE_SHARE: variance_share(networks[GENERATOR], torch.cat(real)),
    }


def _random_features(images: Tensor) -> FeatureExtractor:
    channels, height, width = images.shape[1:]
    size = (height, width)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = DcganDiscriminator(
            DcganDiscriminatorConfig(size=size, channels=channels, maps=usual_maps(size, 32))
        )
    return FeatureExtractor(network, images.device)


def preview(networks: Networks, batch: Batch, folder: Path) -> None:
    """Write ``samples.png``: a hundred images of the same latents each time."""
    write_preview(networks[GENERATOR], batch["image"].device, folder)
