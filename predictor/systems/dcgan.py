"""DCGAN: a convolutional generator and discriminator of pictures of one size.

Radford, Metz, Chintala 2015. The schedule of the updates is a setting; the class-conditional pair
of the released code is trained by the system ``conditional-gan``.
"""

import functools
import json
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset

from predictor.analysis.duplicates import first_of_each
from predictor.data import ImageDataset, ImageSettings, digest_of, split_images
from predictor.errors import UnusableData
from predictor.losses import fake_loss
from predictor.model_files import DISCRIMINATOR
from predictor.networks.dcgan import usual_maps
from predictor.systems.entry import TrainingData
from predictor.systems.image_reports import FRECHET, frechet_validation, generator_preview
from predictor.systems.pair import (
    GENERATOR,
    PairSettings,
    UpdateOrder,
    latents_for,
    pair_networks,
    pair_phases,
    steady_adam,
)
from predictor.systems.phases import Batch, Networks, PhaseLoss, System
from predictor.systems.settings import NetworkSettings, OptimizerSettings, playing
from predictor.systems.techniques import (
    GENERATOR_LOSSES,
    GeneratorLoss,
    Judged,
    loss_of_real,
)
from predictor.whole_files import write_whole

_logger = logging.getLogger(__name__)


class DcganSettings(PairSettings):
    """A run of the system ``dcgan``; the defaults are the paper's for 64 x 64 (section 4).

    Size, channels and maps of `generator` and `discriminator` follow from `images` unless they are
    set.
    """

    iterations: int = 50_000
    batch_size: int = 128
    generator: Annotated[NetworkSettings, playing("generator")] = NetworkSettings(network="dcgan")
    discriminator: Annotated[NetworkSettings, playing("judge of pictures")] = NetworkSettings(
        network="dcgan-discriminator"
    )
    generator_optimizer: OptimizerSettings = steady_adam(2e-4)
    discriminator_optimizer: OptimizerSettings = steady_adam(2e-4)
    schedule: UpdateOrder = "alternating"
    """``alternating``: discriminator, then generator, each on latents of its own. ``simultaneous``:
    both gradients from the same latents, then both updates, so that the generator's loss uses the
    discriminator before its update (Torch). ``odd_even``: even iterations train the generator, odd
    ones the discriminator (released code)."""
    images: ImageSettings = ImageSettings(size=(64, 64))
    remove_duplicates: bool = False
    """Keep only the first of each group of near duplicates (the paper, for bedrooms)."""
    validation_images: int = Field(2000, ge=2)
    """Held-out pictures that validation uses, at most."""

    @model_validator(mode="before")
    @classmethod
    def _networks_follow_the_images(cls, values: Any) -> Any:
        """Give both networks the size of the images and fitting maps, unless they set their own."""
        if not isinstance(values, dict):
            return values
        given = values.get("images", {})
        given = given.model_dump() if isinstance(given, ImageSettings) else given
        try:
            images = ImageSettings.model_validate(
                {**cls.model_fields["images"].default.model_dump(), **given}
            )
        except (ValueError, TypeError):  # the field's own validator reports it
            return values
        completed = dict(values)
        for name in (GENERATOR, DISCRIMINATOR):
            default = cls.model_fields[name].default
            network = values.get(name, default)
            network = network.model_dump() if isinstance(network, NetworkSettings) else network
            if isinstance(network, dict):
                completed[name] = _completed({**default.model_dump(), **network}, images, name)
        return completed

    @model_validator(mode="after")
    def _fits(self) -> "DcganSettings":
        generator, discriminator = self.generator.config(), self.discriminator.config()
        for name, config in ((GENERATOR, generator), (DISCRIMINATOR, discriminator)):
            for field, wanted in (("size", self.images.size), ("channels", self.images.channels)):
                found = getattr(config, field, None)
                if found != wanted:
                    raise ValueError(f"{name}.{field} is {found}, images.{field} is {wanted}")
        return self


def _completed(network: dict[str, Any], images: ImageSettings, name: str) -> dict[str, Any]:
    completed = {"size": images.size, "channels": images.channels, **network}
    is_dcgan = network["network"] in ("dcgan", "dcgan-discriminator")
    if is_dcgan and not {"maps", "strides"} & network.keys():
        maps = usual_maps(images.size)
        completed["maps"] = maps[::-1] if name == GENERATOR else maps
    return completed


def build(settings: DcganSettings) -> System:
    """Return both networks and the phases that train them."""
    return System(
        networks=pair_networks(settings),
        phases=pair_phases(
            settings,
            functools.partial(_discriminator_loss, loss_of_real(settings.real_target)),
            functools.partial(
                _generator_loss, settings.schedule, GENERATOR_LOSSES[settings.generator_loss]
            ),
            schedule=settings.schedule,
        ),
        release=GENERATOR,
        companions=(DISCRIMINATOR,),
        averages={GENERATOR: settings.average_decay} if settings.average_decay else {},
        update="together" if settings.schedule == "simultaneous" else "in_turn",
        validate=_validated,
        best_by=(FRECHET, "min"),
        preview=generator_preview,
    )


def open_data(settings: DcganSettings, path: Path, run: Path | None = None) -> TrainingData:
    """Return the pictures at `path`, in any format that `predictor.data.open_images` reads.

    The decoded pictures are cached in the folder `run`. Labels are ignored.
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
        train = _without_duplicates(train, settings, run)
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
        digest=found.digest(),
        held_out=found.held_out.digest(),
        pictures=found.train.packed.digest,
    )


def _without_duplicates(
    examples: ImageDataset, settings: DcganSettings, run: Path | None
) -> ImageDataset:
    """Return the examples without near duplicates; the rows kept are cached in the folder `run`."""
    packed, rows = examples.packed, examples.rows
    of = f"{packed.digest} {digest_of(packed, rows)} {settings.seed}"
    file = None if run is None else run / "unique-rows.json"
    kept: list[int] | None = None
    if file is not None and file.exists():
        stored = json.loads(file.read_text())
        kept = stored["rows"] if stored["of"] == of else None
    if kept is None:
        chosen = first_of_each(
            lambda row: packed.picture(int(rows[row])), len(rows), seed=settings.seed
        )
        kept = [int(row) for row in rows[chosen]]
        if file is not None:
            write_whole(file, json.dumps({"of": of, "rows": kept}).encode())
    _logger.info("%d of %d pictures are near duplicates", len(examples) - len(kept), len(examples))
    return ImageDataset(examples.packed, kept, settings.images, settings.seed)


def _discriminator_loss(
    real: Callable[[Tensor], Tensor], networks: Networks, batch: Batch, earlier: Batch
) -> PhaseLoss:
    """Return -ln D(x) - ln (1 - D(G(z))).

    Real and generated images are separate batches for batch normalization, as in the Torch code.
    """
    discriminator, images = networks[DISCRIMINATOR], batch["image"]
    latents = latents_for(networks[GENERATOR], len(images), images.device)
    with torch.no_grad():
        made = networks[GENERATOR](latents)
    return PhaseLoss(
        {
            "real": real(discriminator(images).logits),
            "fake": fake_loss(discriminator(made).logits),
        },
        outputs={"latents": latents},
    )


def _generator_loss(
    schedule: str, loss: GeneratorLoss, networks: Networks, batch: Batch, earlier: Batch
) -> PhaseLoss:
    """Return the terms of `loss`, on latents of its own unless the schedule is simultaneous."""
    images, discriminator = batch["image"], networks[DISCRIMINATOR]
    latents = earlier.get("latents") if schedule == "simultaneous" else None
    if latents is None:
        latents = latents_for(networks[GENERATOR], len(images), images.device)
    fake = networks[GENERATOR](latents)
    return PhaseLoss(loss(_judged(discriminator, fake), _judged(discriminator, images)))


def _judged(discriminator: nn.Module, images: Tensor) -> Judged:
    return Judged(
        logits=lambda: discriminator(images).logits,
        features=lambda: discriminator(images).features[-1].flatten(1),
    )


def _validated(networks: Networks, batches: Iterable[Batch]) -> dict[str, float]:
    return frechet_validation(networks[GENERATOR], batches)
